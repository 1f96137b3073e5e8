#include "refs/refs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>
#include <tuple>
#include <utility>

#include "refs/scan.h"
#include "refs/walk.h"

namespace guidon::refs {
namespace {

constexpr std::size_t kLookedAtForBinary = 8'000;  // as git does
constexpr unsigned kMostThreads = 8;

// One file after the other, in one block of memory that grows to the largest.
class FileReader {
 public:
  // False: not read, and `reason` says why; it is empty for what is binary.
  bool Read(const std::string& path, std::size_t max_bytes, std::string& reason) {
    reason.clear();
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
      reason = std::strerror(errno);
      return false;
    }
    const bool read = ReadAll(file, max_bytes, reason);
    ::close(file);
    if (!read) return false;
    return std::memchr(block_.get(), '\0', std::min(size_, kLookedAtForBinary)) == nullptr;
  }
  std::string_view text() const { return {block_.get(), size_}; }

 private:
  bool ReadAll(int file, std::size_t max_bytes, std::string& reason) {
    struct stat status {};
    if (::fstat(file, &status) != 0) {
      reason = std::strerror(errno);
      return false;
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size > max_bytes) {
      reason = "larger than " + std::to_string(max_bytes) + " bytes";
      return false;
    }
    if (size > capacity_ || block_ == nullptr) {
      capacity_ = std::max<std::size_t>(size, 1u << 20);
      block_ = std::make_unique_for_overwrite<char[]>(capacity_);
    }
    for (size_ = 0; size_ < size;) {
      const ssize_t got = ::read(file, block_.get() + size_, size - size_);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) {
        reason = std::strerror(errno);
        return false;
      }
      if (got == 0) break;  // it has become shorter meanwhile
      size_ += static_cast<std::size_t>(got);
    }
    return true;
  }

  std::unique_ptr<char[]> block_;
  std::size_t capacity_ = 0, size_ = 0;
};

// What a thread has made of its files.
struct Share {
  std::vector<Reference> references;
  std::vector<SkippedFile> skipped;
  std::vector<Call> accessors;
  std::size_t files = 0;
  std::uint64_t bytes = 0;
};

class Scanning {
 public:
  Scanning(const std::vector<FoundFile>& files, const ScanOptions& options, const CallTable& calls)
      : files_(files), options_(options), calls_(calls) {}

  std::vector<Share> Run() {
    unsigned count = options_.threads;
    if (count == 0) count = std::clamp(std::thread::hardware_concurrency(), 1u, kMostThreads);
    count = static_cast<unsigned>(std::min<std::size_t>(count, std::max<std::size_t>(files_.size(), 1)));
    std::vector<Share> shares(count);
    std::vector<std::thread> threads;
    for (unsigned i = 1; i < count; ++i) threads.emplace_back([this, &shares, i] { Work(shares[i]); });
    Work(shares[0]);
    for (std::thread& thread : threads) thread.join();
    return shares;
  }

 private:
  void Work(Share& result) {
    constexpr std::size_t kAtOnce = 8;
    Share share;  // of this thread's own memory
    FileReader reader;
    std::string reason;
    for (std::size_t first = next_.fetch_add(kAtOnce); first < files_.size(); first = next_.fetch_add(kAtOnce)) {
      for (std::size_t i = first; i < std::min(first + kAtOnce, files_.size()); ++i) {
        const FoundFile& file = files_[i];
        if (!reader.Read(file.path, options_.max_file_bytes, reason)) {
          if (!reason.empty()) share.skipped.push_back({file.path, reason});
          continue;
        }
        ++share.files;
        share.bytes += reader.text().size();
        if (file.language == Language::kCpp && IsGenerated(reader.text())) {
          for (Call& call : AccessorsOf(reader.text())) share.accessors.push_back(std::move(call));
          continue;
        }
        // Nobody keeps more than is allowed in all.
        if (share.references.size() > options_.max_references) continue;
        ScanText(reader.text(), file.language, calls_, file.path, share.references);
      }
    }
    result = std::move(share);
  }

  const std::vector<FoundFile>& files_;
  const ScanOptions& options_;
  const CallTable& calls_;
  std::atomic<std::size_t> next_{0};
};

void Append(Scan& scan, std::vector<Share>& shares, std::vector<Call>& accessors) {
  for (Share& share : shares) {
    scan.files += share.files;
    scan.bytes += share.bytes;
    std::move(share.references.begin(), share.references.end(), std::back_inserter(scan.references));
    std::move(share.skipped.begin(), share.skipped.end(), std::back_inserter(scan.skipped));
    std::move(share.accessors.begin(), share.accessors.end(), std::back_inserter(accessors));
  }
}

// Those of headers that the config names.
Status AddGenerated(const ScanOptions& options, std::vector<Call>& accessors) {
  FileReader reader;
  std::string reason;
  for (const std::string& path : options.config.generated) {
    if (!reader.Read(path, options.max_file_bytes, reason)) {
      return Fail(ErrorCode::kIo, "cannot read " + path + ": " + (reason.empty() ? "it is binary" : reason));
    }
    std::vector<Call> calls = AccessorsOf(reader.text());
    if (calls.empty()) {
      return Fail(ErrorCode::kInvalid, path + " has no accessors that `guidon generate cpp` has written");
    }
    std::move(calls.begin(), calls.end(), std::back_inserter(accessors));
  }
  return {};
}

// One each: the same header may lie in two places.
void Tidy(std::vector<Call>& accessors) {
  const auto key = [](const Call& call) { return std::tie(call.name, call.receiver, call.key_text); };
  std::sort(accessors.begin(), accessors.end(), [&](const Call& a, const Call& b) { return key(a) < key(b); });
  accessors.erase(
      std::unique(accessors.begin(), accessors.end(), [&](const Call& a, const Call& b) { return key(a) == key(b); }),
      accessors.end());
}

}  // namespace

Result<Scan> FindReferences(const std::vector<std::string>& sources, const ScanOptions& options) {
  Scan scan;
  Result<std::vector<FoundFile>> files = FilesOf(sources, options.max_files, scan.skipped);
  if (!files) return Fail(files.error());
  std::vector<Call> calls = KnownCalls(), accessors;
  calls.insert(calls.end(), options.config.calls.begin(), options.config.calls.end());
  std::vector<Share> shares = Scanning(*files, options, CallTable(std::move(calls))).Run();
  Append(scan, shares, accessors);
  if (Status added = AddGenerated(options, accessors); !added) return Fail(added.error());
  Tidy(accessors);
  if (!accessors.empty()) {
    // Who uses them is known only now. What was read, and what was skipped, has been counted.
    std::erase_if(*files, [](const FoundFile& file) { return file.language != Language::kCpp; });
    shares = Scanning(*files, options, CallTable(std::move(accessors))).Run();
    for (Share& share : shares) {
      std::move(share.references.begin(), share.references.end(), std::back_inserter(scan.references));
    }
  }
  if (scan.references.size() > options.max_references) {
    return Fail(ErrorCode::kTooLarge, "the code reads flags in more than " + std::to_string(options.max_references) +
                                          " places: name folders that are smaller");
  }
  std::sort(scan.references.begin(), scan.references.end(), [](const Reference& a, const Reference& b) {
    return std::tie(a.file, a.line, a.column, a.key) < std::tie(b.file, b.line, b.column, b.key);
  });
  std::sort(scan.skipped.begin(), scan.skipped.end(),
            [](const SkippedFile& a, const SkippedFile& b) { return a.file < b.file; });
  return scan;
}

}  // namespace guidon::refs
