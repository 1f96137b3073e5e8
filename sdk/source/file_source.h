// Keeps a client's flags those of a file: ClientConfig::flag_file. Looks at it when the system tells that something
// happened in its folder, and every flag_file_interval besides, for where the system tells nothing.
//
// Watched are the folders, not the file: of the path as it is given, and of what it leads to. So a file that is
// replaced by a rename is seen, as editors do it, and one behind a symbolic link that is replaced (a mounted ConfigMap
// of Kubernetes, whose `..data` is). A folder is watched before the file is read: what happens in between is told. What
// is told is acted on when nothing more is told for a moment.
//
// A file whose size, times and number are those of the last reading was not changed; it is read once more at the next
// look after a change, for two writes within one tick of a file system's clock look the same. A file that changed while
// it was read is read again soon, for a while.
//
// Thread safety: Look within the client's constructor, and Run on the source thread; Wake from any thread. CloseInChild
// in the child of a fork(), where the thread is not there or is a leftover.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "sdk/client/client_core.h"

namespace guidon::internal {

class FileSource {
 public:
  explicit FileSource(ClientCore& core);
  ~FileSource();
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  // Watches, reads, applies and says what came of it.
  void Look();
  // Looks, until the client closes.
  void Run();
  // Ends a wait of Run.
  void Wake() noexcept;
  void CloseInChild() noexcept;

 private:
  // What stat() says of the file; two readings between equal ones have equal contents.
  struct Sight {
    std::uint64_t device = 0, number = 0;
    std::int64_t size = 0, written_ns = 0, changed_ns = 0;
    friend bool operator==(const Sight&, const Sight&) = default;
  };

  Sight See() const;  // all 0: not there
  void Watch();
  void WatchFolderOf(std::size_t which, const std::string& path);
  void Wait();
  bool HearWithin(std::chrono::milliseconds time);  // whether the system told anything
  bool Take(const std::string& content);
  Result<std::string> DocumentOf(const std::string& content) const;
  void SayHeld();
  void SayFault(const std::string& what);

  ClientCore& core_;
  const std::string path_;
  int notify_ = -1;                     // inotify; -1: there is none
  int wake_ = -1;                       // eventfd
  std::array<int, 2> watches_{-1, -1};  // of the path's folder, and of the folder of what it leads to
  std::array<std::string, 2> names_;    // of the file within them
  std::string unwatched_;               // why the system tells nothing; "": it does

  Sight seen_;                         // at the last reading
  bool must_read_ = true;              // whatever stat() says
  bool is_whole_ = false;              // the last reading was applied, or was what is held
  std::optional<std::uint64_t> read_;  // hash of the last reading; none: it could not be read
  int rereads_;                        // while the file is being written
  bool is_soon_ = true;                // the next look
  std::string said_;                   // the last fault that was logged
};

}  // namespace guidon::internal
