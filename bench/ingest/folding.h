// How fast the fold of the journal is: on a journal that is made up, in this process, in a store on the folder of
// temporary files.
//
// Thread safety: one thread at a time.
#pragma once

#include <cstddef>

namespace guidon::bench {

struct FoldingSpeed {
  std::size_t events = 0;
  double per_second = 0;      // of wall time
  double per_cpu_second = 0;  // of the whole process: the fold, the store's committer and RocksDB's own threads
  double read_ms = 0;         // to read what it has come to, the first time
};

// `batches` of 100 events of 20 000 units: a fifth of them exposures to one experiment, whose five metrics (a
// conversion, a capped sum with CUPED, a ratio, a quantile, a funnel) look at all the others.
FoldingSpeed FoldJournal(int batches);

}  // namespace guidon::bench
