#include "server/backup/backups.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <utility>

#include "core/model/names.h"
#include "server/store/system_clock.h"

namespace guidon {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPartial = ".partial";

BackupsOptions WithClock(BackupsOptions options) {
  if (!options.clock) options.clock = SystemNow;
  return options;
}

// "20270131T080000Z": in order of time, and a name of a folder anywhere.
std::string NameOf(Timestamp time) {
  const std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  return std::string(text.data(), std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts));
}

BackupState Done(std::string name, std::string folder, BackupManifest manifest) {
  BackupState state;
  state.name = std::move(name);
  state.phase = BackupState::Phase::kDone;
  state.folder = std::move(folder);
  state.bytes = manifest.Bytes();
  state.files = manifest.files.size();
  state.manifest = std::move(manifest);
  state.manifest.files.clear();
  return state;
}

}  // namespace

std::string_view ToString(BackupState::Phase phase) {
  constexpr std::array<std::string_view, 3> kWords = {"running", "done", "failed"};
  return kWords[static_cast<std::size_t>(phase)];
}

Backups::Backups(Store& store, BackupsOptions options) : store_(store), options_(WithClock(std::move(options))) {
  if (!options_.folder.empty()) looking_ = std::thread([this] { FindNewest(); });
}

Backups::~Backups() {
  std::thread thread;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
  if (looking_.joinable()) looking_.join();
}

// What cannot be listed is not there: whoever watches the time of the newest is told by that. A disk that hangs holds
// up nobody but this thread.
void Backups::FindNewest() {
  const Result<std::vector<BackupState>> states = List();
  if (!states || access(options_.folder.c_str(), W_OK | X_OK) != 0) {
    if (options_.on_unusable) {
      options_.on_unusable(states ? Error{ErrorCode::kPermissionDenied,
                                          "the folder of backups " + options_.folder +
                                              " cannot be written to: it has to belong to the server's user",
                                          {}}
                                  : states.error());
    }
    if (!states) return;
  }
  for (const BackupState& state : *states) {
    if (state.phase == BackupState::Phase::kDone) NoteMade(state.manifest.made);
  }
}

void Backups::NoteMade(Timestamp made) {
  const std::int64_t ms = made.time_since_epoch().count();
  std::int64_t newest = newest_ms_;
  while (newest < ms && !newest_ms_.compare_exchange_weak(newest, ms)) continue;
}

Result<BackupState> Backups::Start(std::string name, const std::string& request) {
  if (Status usable = CheckFolder(); !usable) return Fail(usable.error());
  if (name.empty()) name = NameOf(options_.clock());
  if (!IsKey(name) || name.ends_with(kPartial)) {
    return Fail(ErrorCode::kInvalid, "'" + name +
                                         "' is no name for a backup: it has 1 to 128 letters, digits, '.', '_' and "
                                         "'-', begins with a letter or a digit, and does not end in .partial");
  }
  const std::string folder = options_.folder + "/" + name;
  MutexLock lock(mutex_);
  if (last_ && !request.empty() && request == last_request_) return *last_;
  if (last_ && last_->phase == BackupState::Phase::kRunning) {
    return Fail(ErrorCode::kConflict, "the backup '" + last_->name + "' is being made; one at a time");
  }
  if (std::error_code ignored; fs::exists(folder, ignored)) {
    return Fail(ErrorCode::kAlreadyExists, "there is a backup '" + name + "'; choose another name");
  }
  if (Status healthy = store_.Health(); !healthy) return Fail(healthy.error());
  if (thread_.joinable()) thread_.join();  // it has said how it ended, and has nothing left to do
  last_ = BackupState();
  last_->name = name;
  last_->folder = folder;
  last_->begun = options_.clock();
  last_request_ = request;
  thread_ = std::thread([this, name, folder] { Run(name, folder); });
  return *last_;
}

void Backups::Run(std::string name, std::string folder) {
  BackupRequest request{folder, options_.version, options_.clock(), {}};
  request.progress = [this](std::uint64_t copied, std::uint64_t bytes) {
    MutexLock lock(mutex_);
    last_->copied = copied;
    last_->bytes = bytes;
    return !stopping_;
  };
  Result<BackupManifest> manifest = store_.Backup(request);
  BackupState state;
  {
    MutexLock lock(mutex_);
    if (manifest) {
      NoteMade(manifest->made);
      last_ = Done(std::move(name), std::move(folder), *std::move(manifest));
    } else {
      last_->phase = BackupState::Phase::kFailed;
      last_->error = manifest.error();
    }
    state = *last_;
  }
  if (options_.on_done) options_.on_done(state);
}

// What can be a backup by its name, in no order.
Result<std::vector<std::string>> Backups::Folders() const {
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator entry(options_.folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    std::string name = entry->path().filename();
    if (IsKey(name.substr(0, name.find(kPartial)))) names.push_back(std::move(name));
  }
  if (!failed) return names;
  return Fail(ErrorCode::kIo, "cannot list the folder of backups " + options_.folder + ": " + failed.message());
}

Result<BackupInventory> Backups::Inventory() const {
  BackupInventory inventory;
  if (options_.folder.empty()) return inventory;
  Result<std::vector<std::string>> names = Folders();
  if (!names) return Fail(names.error());
  std::sort(names->rbegin(), names->rend());
  for (const std::string& name : *names) {
    const std::string folder = options_.folder + "/" + name;
    if (name.ends_with(kPartial)) {
      inventory.others.push_back("a backup that was not finished, " + folder);
    } else if (Result<BackupManifest> manifest = ReadManifest(folder)) {
      inventory.whole.push_back(Done(name, folder, *std::move(manifest)));
    } else if (manifest.error().code != ErrorCode::kNotFound) {
      inventory.others.push_back("a backup that cannot be read, " + folder + ": " + manifest.error().message);
    }
  }
  return inventory;
}

Result<std::vector<BackupState>> Backups::List() const {
  if (Status usable = CheckFolder(); !usable) return Fail(usable.error());
  Result<std::vector<std::string>> listed = Folders();
  if (!listed) return Fail(listed.error());
  std::vector<std::string>& names = *listed;
  std::erase_if(names, [](const std::string& name) { return name.ends_with(kPartial); });
  const std::optional<BackupState> last = Last();
  if (last && std::find(names.begin(), names.end(), last->name) == names.end()) names.push_back(last->name);
  std::sort(names.rbegin(), names.rend());
  if (names.size() > options_.most_listed) names.resize(options_.most_listed);
  std::vector<BackupState> states;
  for (const std::string& name : names) {
    if (Result<BackupState> state = Find(name)) states.push_back(*std::move(state));
  }
  return states;
}

Result<BackupState> Backups::Find(const std::string& name) const {
  if (Status usable = CheckFolder(); !usable) return Fail(usable.error());
  if (const std::optional<BackupState> last = Last();
      last && last->name == name && last->phase != BackupState::Phase::kDone) {
    return *last;
  }
  const std::string folder = options_.folder + "/" + name;
  if (!IsKey(name) || name.ends_with(kPartial)) return Fail(ErrorCode::kNotFound, "there is no backup '" + name + "'");
  Result<BackupManifest> manifest = ReadManifest(folder);
  if (!manifest && manifest.error().code == ErrorCode::kNotFound) {
    return Fail(ErrorCode::kNotFound, "there is no backup '" + name + "'");
  }
  if (!manifest) return Fail(manifest.error());
  return Done(name, folder, *std::move(manifest));
}

Status Backups::CheckFolder() const {
  if (!options_.folder.empty()) return {};
  return Fail(ErrorCode::kInvalid,
              "this server was told no folder for backups: set backup-folder, and restart it (docs/operations.md)");
}

std::optional<BackupState> Backups::Last() const {
  MutexLock lock(mutex_);
  return last_;
}

}  // namespace guidon
