// Reads of flags, and what only looks like one, put into the files of a folder; and what a scan has made of them.
//
// Thread safety: one thread.
#pragma once

#include <cstddef>
#include <set>
#include <string>

#include "refs/refs.h"

namespace guidon::bench {

inline constexpr std::size_t kPlanted = 200;  // reads, and as many decoys

struct Plants {
  std::set<std::string> keys;  // of the reads, each in one place
  std::size_t decoys = 0;
};

// Into files of C++ below `folder`, which are chosen by a fixed seed: at their beginning, behind an `#include`, or at
// their end. Reads are calls of each kind that refs/calls.h has for C++; decoys are the same in comments, texts and raw
// texts, and calls of others' functions.
Plants Plant(const std::string& folder);

struct Score {
  std::size_t right = 0, wrong = 0, missed = 0;
  double precision() const {
    return right + wrong == 0 ? 1 : static_cast<double>(right) / static_cast<double>(right + wrong);
  }
  double recall() const {
    return right + missed == 0 ? 1 : static_cast<double>(right) / static_cast<double>(right + missed);
  }
};
// Whatever is found and was not planted is wrong, also what stood there before.
Score ScoreOf(const Plants& plants, const refs::Scan& scan);

}  // namespace guidon::bench
