#include "server/store/start_record.h"

#include <rocksdb/file_system.h>

#include <algorithm>
#include <charconv>

#include "server/store/files.h"

namespace guidon {
namespace {

constexpr std::uint64_t kMaxBytes = 4096;
constexpr std::size_t kMostStarts = 128;  // more than any crash-limit

std::vector<Timestamp> ParseStarts(const std::string& text) {
  std::vector<Timestamp> starts;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at != end;) {
    std::int64_t milliseconds = 0;
    const auto read = std::from_chars(at, end, milliseconds);
    if (read.ec != std::errc() || read.ptr == end || *read.ptr != '\n') return {};
    starts.emplace_back(std::chrono::milliseconds(milliseconds));
    at = read.ptr + 1;
  }
  return starts;
}

}  // namespace

StartRecord::StartRecord(std::shared_ptr<rocksdb::FileSystem> file_system, const std::string& folder)
    : file_system_(std::move(file_system)), path_(folder + "/STARTS") {}

std::vector<Timestamp> StartRecord::Begin(Timestamp now, std::chrono::milliseconds window) {
  if (const Result<std::string> text = ReadFile(*file_system_, path_, kMaxBytes)) earlier_ = ParseStarts(*text);
  // One of the future is of a clock that was put back since.
  std::erase_if(earlier_, [&](Timestamp start) { return start > now || start < now - window; });
  std::vector<Timestamp> starts = earlier_;
  starts.push_back(now);
  Write(starts);
  return earlier_;
}

void StartRecord::End() {
  file_system_->DeleteFile(path_, {}, nullptr).PermitUncheckedError();
}

void StartRecord::Withdraw() {
  if (earlier_.empty()) return End();
  Write(earlier_);
}

// Under another name first: whoever is killed in between leaves the old one.
void StartRecord::Write(const std::vector<Timestamp>& starts) {
  std::string text;
  const std::size_t first = starts.size() - std::min(starts.size(), kMostStarts);
  for (std::size_t i = first; i < starts.size(); ++i) {
    text += std::to_string(starts[i].time_since_epoch().count()) + "\n";
  }
  const std::string draft = path_ + ".new";
  std::unique_ptr<rocksdb::FSWritableFile> file;
  rocksdb::IOStatus status = file_system_->NewWritableFile(draft, {}, &file, nullptr);
  if (status.ok()) status = file->Append(text, {}, nullptr);
  if (status.ok()) status = file->Close({}, nullptr);
  if (status.ok()) status = file_system_->RenameFile(draft, path_, {}, nullptr);
  status.PermitUncheckedError();
}

}  // namespace guidon
