#include "sdk/source/file_source.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "core/base/hash.h"
#include "core/base/json.h"
#include "core/codec/wire.h"
#include "sdk/source/plain_flag.h"
#include "sdk/state/cache_file.h"

namespace guidon::internal {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kQuiet{20};          // without news, before the file is read
constexpr milliseconds kLongestNoise{200};  // then it is read, whatever else is told
constexpr int kMostRereads = 25;            // of a file that changes while it is read; then it is taken as it is
constexpr char kOwnName[] = "file";         // project, environment and epoch of flags by their keys

// Not IN_MODIFY: somebody else's log in the folder would wake us with every line. A writer that keeps the file open is
// seen at the next interval.
constexpr std::uint32_t kNews = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB |
                                IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

std::string Absolute(const std::string& path) {
  std::error_code failed;
  const std::filesystem::path absolute = std::filesystem::absolute(path, failed);
  return failed ? path : absolute.string();
}

std::int64_t Nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

void CloseFile(int* file) {
  if (*file >= 0) ::close(std::exchange(*file, -1));
}

}  // namespace

FileSource::FileSource(ClientCore& core)
    : core_(core), path_(Absolute(core.config.flag_file)), rereads_(kMostRereads) {  // the first reading is judged
  notify_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (notify_ >= 0) wake_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_ >= 0) return;
  unwatched_ = std::string("the system gives nothing to watch files with: ") + std::strerror(errno);
  CloseFile(&notify_);
}

FileSource::~FileSource() {
  CloseInChild();
}

void FileSource::CloseInChild() noexcept {
  CloseFile(&notify_);
  CloseFile(&wake_);
}

void FileSource::Wake() noexcept {
  const std::uint64_t one = 1;
  if (wake_ >= 0 && ::write(wake_, &one, sizeof(one)) < 0) return;  // it is full: of wakes
}

void FileSource::Run() {
  while (!core_.closing()) {
    Wait();
    if (core_.closing()) return;
    try {
      Look();
    } catch (const std::exception& e) {  // there is no memory
      must_read_ = true;
      SayFault(std::string("cannot go on: ") + e.what());
    }
  }
}

// ---- Watching ----------------------------------------------------------------------------------------------------

FileSource::Sight FileSource::See() const {
  struct stat about {};
  if (::stat(path_.c_str(), &about) != 0) return {};
  return {static_cast<std::uint64_t>(about.st_dev), static_cast<std::uint64_t>(about.st_ino),
          static_cast<std::int64_t>(about.st_size), Nanoseconds(about.st_mtim), Nanoseconds(about.st_ctim)};
}

// A folder that is watched already stays so; one that was replaced is another.
void FileSource::Watch() {
  if (notify_ < 0) return;
  unwatched_.clear();
  WatchFolderOf(0, path_);
  std::error_code failed;
  const std::filesystem::path real = std::filesystem::canonical(path_, failed);
  if (!failed) WatchFolderOf(1, real.string());
}

void FileSource::WatchFolderOf(std::size_t which, const std::string& path) {
  const std::filesystem::path whole(path);
  names_[which] = whole.filename().string();
  const std::string folder = whole.parent_path().string();
  const int watch = ::inotify_add_watch(notify_, folder.c_str(), kNews);
  if (watch < 0) unwatched_ = "the system cannot watch " + folder + ": " + std::strerror(errno);
  const int before = std::exchange(watches_[which], watch);
  const bool is_needed = before == watches_[0] || before == watches_[1];
  if (before >= 0 && !is_needed) ::inotify_rm_watch(notify_, before);
}

void FileSource::Wait() {
  const milliseconds time = is_soon_ ? kQuiet : core_.config.flag_file_interval;
  if (notify_ < 0) {
    core_.Sleep(time);
    return;
  }
  if (!HearWithin(time)) return;
  const auto until = std::chrono::steady_clock::now() + kLongestNoise;
  while (std::chrono::steady_clock::now() < until && HearWithin(kQuiet)) {
  }
}

bool FileSource::HearWithin(milliseconds time) {
  std::array<pollfd, 2> waited{pollfd{notify_, POLLIN, 0}, pollfd{wake_, POLLIN, 0}};
  const int ready = ::poll(waited.data(), waited.size(), static_cast<int>(time.count()));
  if (ready < 0 && errno != EINTR) core_.Sleep(time);
  if (ready <= 0 || waited[0].revents == 0) return false;
  std::array<char, 4'096> news;
  ssize_t size = 0;
  while ((size = ::read(notify_, news.data(), news.size())) > 0) {
    for (ssize_t at = 0; at < size;) {
      inotify_event event;
      std::memcpy(&event, news.data() + at, sizeof(event));
      const char* name = news.data() + at + sizeof(event);
      // Without a name it is about the folder, or there was more than the system keeps.
      must_read_ |= event.len == 0 || names_[0] == name || names_[1] == name;
      at += static_cast<ssize_t>(sizeof(event) + event.len);
    }
  }
  return true;
}

// ---- Reading -----------------------------------------------------------------------------------------------------

void FileSource::Look() {
  is_soon_ = false;
  Watch();
  const Sight before = See();
  if (before == seen_ && !must_read_) {
    if (is_whole_) SayHeld();
    return;
  }
  const Result<WholeFile> file = ReadWholeFile(path_);
  const Sight after = See();
  if (after != before && rereads_ < kMostRereads) {
    ++rereads_;
    is_soon_ = must_read_ = true;
    return;
  }
  rereads_ = 0;
  must_read_ = after != seen_;
  seen_ = after;
  if (!file) {
    read_.reset();
    is_whole_ = false;
    SayFault(file.error().message);
    return;
  }
  const std::uint64_t hash = Hash64(file->content);
  if (read_ != hash) {
    read_.reset();  // should there be no memory
    is_whole_ = Take(file->content);
    read_ = hash;
  }
  if (is_whole_) SayHeld();
}

bool FileSource::Take(const std::string& content) {
  const Result<std::string> document = DocumentOf(content);
  if (!document) {
    core_.CountRefused();
    SayFault(document.error().message);
    return false;
  }
  const Applied applied = core_.Take(DocumentKind::kSnapshot, *document, "", RulesetSource::kFile);
  if (applied.outcome == ApplyOutcome::kApplied || applied.outcome == ApplyOutcome::kNothing) return true;
  SayFault(applied.message + "; export it anew, or write flags by their keys");
  return false;
}

// Flags by their keys become a document of the revision after the one that is held, unless they are what is held.
Result<std::string> FileSource::DocumentOf(const std::string& content) const {
  const Result<Value> value = ParseJson(content);
  if (!value) return Fail(value.error());
  if (!value->is_object()) {
    return Fail(ErrorCode::kInvalid, "it is neither a ruleset document nor an object of flags by their keys");
  }
  if (value->Find("schema") != nullptr) return content;
  std::vector<EncodedEntity> entities;
  for (const auto& [key, flag] : value->AsObject()) entities.push_back(PlainFlag(key, flag, kOwnName));
  const Held held = core_.WhatIsHeld();
  const bool is_held = held.epoch == kOwnName && held.digest == DigestOf(entities).ToHex();
  std::string document = EncodeSnapshot({kOwnName, kOwnName, kOwnName, held.revision + (is_held ? 0 : 1)}, entities);
  const Result<SnapshotDocument> decoded = DecodeSnapshot(document);
  if (!decoded) return Fail(decoded.error());
  if (!decoded->undecodable.empty()) return Fail(ErrorCode::kInvalid, decoded->undecodable[0].message);
  return document;
}

void FileSource::SayHeld() {
  if (!unwatched_.empty() && said_ != unwatched_) {
    core_.Log(LogLevel::kWarning, "flag file " + path_ + " is looked at every " +
                                      std::to_string(core_.config.flag_file_interval.count()) + " ms: " + unwatched_);
  }
  said_ = unwatched_;
  core_.Confirm(RulesetSource::kFile);
  core_.SetState(unwatched_.empty() ? ClientState::kLive : ClientState::kPolling, unwatched_);
}

void FileSource::SayFault(const std::string& what) {
  const bool has_flags = core_.has_ruleset();
  const std::string fault = "flag file " + path_ + " is not used: " + what +
                            (has_flags ? "; what it said before is served" : "; nothing is served") +
                            " until it is whole";
  if (fault != said_) core_.Log(LogLevel::kWarning, fault);
  said_ = fault;
  core_.SetState(has_flags ? ClientState::kStale : ClientState::kInitialising, fault);
}

}  // namespace guidon::internal
