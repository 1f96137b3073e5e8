// Folds the journal of a store until it is done or the store has it die.
//
//   fold_crash FOLDER KILL_AT
#include <iostream>

#include "server/store/rocks_store.h"
#include "tests/server/ingest/fold_fixture.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: fold_crash FOLDER KILL_AT\n";
    return 2;
  }
  guidon::RocksStoreOptions options;
  options.folder = argv[1];
  options.kill_at = argv[2];
  const auto store = guidon::OpenRocksStore(options);
  if (!store) {
    std::cerr << store.error().message << '\n';
    return 3;
  }
  guidon::JournalOptions journal_options;
  const auto journal = guidon::Journal::Open(**store, journal_options);
  guidon::FoldOptions fold_options;
  fold_options.plans = guidon::Always({guidon::CheckoutPlan()});
  fold_options.clock = [] {
    return guidon::Timestamp(std::chrono::milliseconds(guidon::kStartMs + 49 * guidon::kHourMs));
  };
  fold_options.page_entries = 3;
  fold_options.txn_ops = 30;
  fold_options.sweep_units = 50;
  const auto fold = guidon::Fold::Open(**store, **journal, fold_options);
  if (!fold) {
    std::cerr << fold.error().message << '\n';
    return 4;
  }
  const guidon::Status done = (*fold)->CatchUp([] { return false; });
  if (!done) std::cerr << done.error().message << '\n';
  return done ? 0 : 5;
}
