// Writes to a store until it is killed, and says on its standard output what was acknowledged.
//
//   store_crash_writer FOLDER RUN WRITERS KILL_AT
//
// Each transaction puts the three keys k/<id>/0 … 2 to its id, RUN.<writer>.<number>, and takes a revision. After the
// answer, one line in one write: `<position> <revision> <id>`. It ends by itself after 100 000 transactions, or once
// nobody reads.
#include <unistd.h>

#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "server/store/rocks_store.h"

namespace {

void Write(guidon::Store& store, const std::string& run, int writer) {
  for (int i = 0; i < 100'000; ++i) {
    const std::string id = run + "." + std::to_string(writer) + "." + std::to_string(i);
    guidon::Txn txn;
    for (const char* part : {"0", "1", "2"}) txn.ops.push_back(guidon::TxnOp::Put("k/" + id + "/" + part, id));
    txn.revision = guidon::RevisionRecord{"log " + id, "audit " + id};
    const guidon::Result<guidon::TxnResult> result = store.Commit(std::move(txn));
    if (!result) {
      std::cerr << result.error().message << '\n';
      _exit(2);
    }
    const std::string line =
        std::to_string(result->position) + " " + std::to_string(result->revision) + " " + id + "\n";
    if (write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) _exit(3);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: store_crash_writer FOLDER RUN WRITERS KILL_AT\n";
    return 2;
  }
  guidon::RocksStoreOptions options;
  options.folder = argv[1];
  options.kill_at = argv[4];
  guidon::Result<std::unique_ptr<guidon::Store>> store = guidon::OpenRocksStore(options);
  if (!store) {
    std::cerr << store.error().message << '\n';
    return 1;
  }
  std::vector<std::thread> writers;
  for (int i = 0; i < std::stoi(argv[3]); ++i) writers.emplace_back(Write, std::ref(**store), argv[2], i);
  for (std::thread& writer : writers) writer.join();
}
