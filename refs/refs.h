// Where code reads flags: folders and files, looked through.
//
//   Result<Scan> scan = FindReferences({"src", "web"}, {});
//   for (const Reference& reference : scan->references) …         // by file, line and column
//
// Folders are walked, without what .gitignore files leave out: those of the folder, of all in it, and of those above it
// up to the one that holds `.git`. Symbolic links within a folder are not followed. Files are known by their endings
// (reference.h); binary ones, which have a NUL in their first 8 000 bytes, are passed over.
//
// The same files give the same answer, however many threads look at them.
//
// Thread safety: a function; it starts threads of its own and waits for them. Cost: a read of every file; twice for C++
// where there are headers of `guidon generate cpp`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "refs/config.h"
#include "refs/reference.h"

namespace guidon::refs {

struct ScanOptions {
  Config config;                           // `generated` as this process would open them
  unsigned threads = 0;                    // 0: as many as there are cores, 8 at most
  std::size_t max_file_bytes = 8u << 20;   // a larger file is skipped, and said
  std::size_t max_files = 1'000'000;       // more are kTooLarge
  std::size_t max_references = 1'000'000;  // likewise
};

// Looked for, and not looked at.
struct SkippedFile {
  std::string file, reason;
  friend bool operator==(const SkippedFile&, const SkippedFile&) = default;
};

struct Scan {
  std::vector<Reference> references;  // by file, line and column
  std::vector<SkippedFile> skipped;   // by file
  std::size_t files = 0;              // that were looked at
  std::uint64_t bytes = 0;            // of these
};

// kIo: a source that is not there; kInvalid: a single file in no language that we know; kTooLarge beyond a bound. What
// lies in two sources is looked at once.
Result<Scan> FindReferences(const std::vector<std::string>& sources, const ScanOptions& options);

}  // namespace guidon::refs
