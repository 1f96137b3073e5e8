// Waits until something in a folder changes: for verbs that do their work again then.
//
//   Result<FolderWatch> watch = FolderWatch::Of("flags/");
//   do Work(); while (watch->Wait());
//
// Thread safety: one thread.
#pragma once

#include <string>
#include <utility>

#include "core/base/result.h"

namespace guidon::cli {

class FolderWatch {
 public:
  // Of the folder with all below it, those that are made later included; hidden ones are left out. kIo: it cannot be
  // watched, as when the machine's bound on watches is reached.
  static Result<FolderWatch> Of(const std::string& folder);

  FolderWatch(FolderWatch&& other) noexcept
      : folder_(std::move(other.folder_)), descriptor_(std::exchange(other.descriptor_, -1)) {}
  FolderWatch& operator=(FolderWatch&&) = delete;
  ~FolderWatch();

  // Until something has changed since the watch began or Wait returned last, and then has been quiet for 50 ms, or
  // changes for a second: editors write a file in several steps. kIo: the folder is gone.
  Status Wait();

 private:
  explicit FolderWatch(std::string folder) : folder_(std::move(folder)) {}
  Status WatchAll();

  std::string folder_;
  int descriptor_ = -1;
};

}  // namespace guidon::cli
