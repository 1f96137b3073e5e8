// Folds the journal of a store until it is done or the store has it die.
//
//   fold_crash FOLDER KILL_AT [STORE_OPS]
#include <iostream>
#include <string>

#include "server/store/rocks_store.h"
#include "tests/server/ingest/fold_fixture.h"
#include "tests/server/store/store_fixture.h"

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::cerr << "usage: fold_crash FOLDER KILL_AT [STORE_OPS]\n";
    return 2;
  }
  guidon::RocksStoreOptions options;
  options.folder = argv[1];
  options.kill_at = argv[2];
  options.file_system = guidon::FastFileSystem();  // a killed process loses no page
  const auto store = guidon::OpenRocksStore(options);
  if (!store) {
    std::cerr << store.error().message << '\n';
    return 3;
  }
  guidon::JournalOptions journal_options;
  const auto journal = guidon::Journal::Open(**store, journal_options);
  const auto fold =
      guidon::Fold::Open(**store, **journal, guidon::OptionsOfKilled(argc == 4 ? std::stoul(argv[3]) : 0));
  if (!fold) {
    std::cerr << fold.error().message << '\n';
    return 4;
  }
  const guidon::Status done = (*fold)->CatchUp([] { return false; });
  if (!done) std::cerr << done.error().message << '\n';
  return done ? 0 : 5;
}
