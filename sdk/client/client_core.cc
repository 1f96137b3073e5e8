#include "sdk/client/client_core.h"

#include <algorithm>
#include <utility>

#include "core/base/issue.h"
#include "sdk/source/stream_source.h"
#include "sdk/state/cache_file.h"

namespace guidon::internal {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{50};              // `now` is at most this old, and a little scheduling
constexpr std::size_t kMaxUnknownFlags = 256;  // keys that are remembered as unknown; later ones are not said
constexpr milliseconds kCacheInterval{1'000};

std::int64_t SystemMs() {
  return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::shared_ptr<const RulesetView> EmptyView(const std::shared_ptr<Lineage>& lineage) {
  auto view = std::make_shared<RulesetView>();
  view->ruleset = Compile(Snapshot(), {lineage, {}});
  return view;
}

}  // namespace

ClientCore::ClientCore(ClientConfig given)
    : config(std::move(given)), current(EmptyView(lineage_)), now_ms(SystemMs()) {}

// ---- Life --------------------------------------------------------------------------------------------------------

void ClientCore::Start() {
  LoadLocal();
  keeper_thread_ = std::thread([self = shared_from_this()] { self->RunKeeper(); });
  if (config.server.empty()) {
    SetState(ClientState::kOffline, state_.has_ruleset() ? "" : "no server is configured, and no ruleset was given");
    return;
  }
  {
    MutexLock lock(mutex_);
    source_done_ = false;
  }
  source_thread_ = std::thread([self = shared_from_this()] { self->RunSource(); });
}

// The cache is what a server last sent; bootstrap is what somebody put there.
void ClientCore::LoadLocal() {
  const auto take = [&](const std::string& text, const std::string& name, RulesetSource source) {
    const Applied applied = state_.TakeSnapshot(text);
    if (applied.outcome == ApplyOutcome::kApplied) {
      OnApplied(state_, applied, source);
      return true;
    }
    CountRefused(name + ": " + applied.message);
    Log(LogLevel::kWarning, name + " is not used: " + applied.message);
    return false;
  };
  if (!config.cache_file.empty()) {
    const Result<std::string> text = ReadWholeFile(config.cache_file);
    if (text && take(*text, "cache file " + config.cache_file, RulesetSource::kCache)) return;
  }
  if (!config.bootstrap_file.empty()) {
    const Result<std::string> text = ReadWholeFile(config.bootstrap_file);
    if (!text) Log(LogLevel::kError, text.error().message);
    if (text && take(*text, "bootstrap file " + config.bootstrap_file, RulesetSource::kBootstrap)) return;
  }
  if (!config.bootstrap.empty()) take(config.bootstrap, "bootstrap", RulesetSource::kBootstrap);
}

void ClientCore::RunSource() {
  RunStreamSource(*this, state_);
  MutexLock lock(mutex_);
  source_done_ = true;
  changed_.NotifyAll();
}

void ClientCore::RunKeeper() {
  while (!closing()) {
    std::vector<std::string> unsaid;
    {
      MutexLock lock(mutex_);
      changed_.WaitFor(lock, kTick, [this] { return closing(); });
      unsaid.swap(unsaid_);
    }
    now_ms.store(SystemMs(), std::memory_order_relaxed);
    if (!unsaid.empty()) SayUnknownFlags(std::move(unsaid));
  }
}

bool ClientCore::Close(milliseconds deadline) {
  const Clock::time_point until = Clock::now() + deadline;
  closing_.store(true);
  changed_.NotifyAll();
  bool done = false;
  do {
    MutexLock lock(mutex_);
    // Stop only shuts the socket down; a call that has not opened it yet is stopped by the next round.
    if (http_ != nullptr) http_->Stop(milliseconds(0));
    done = changed_.WaitFor(lock, milliseconds(5), [this]() GUIDON_REQUIRES(mutex_) { return source_done_; });
  } while (!done && Clock::now() < until);
  if (keeper_thread_.joinable()) keeper_thread_.join();
  if (source_thread_.joinable()) {
    // A thread that is stuck in name resolution keeps this object alive and ends by itself.
    if (done) {
      source_thread_.join();
    } else {
      source_thread_.detach();
    }
  }
  SetState(ClientState::kClosed);
  return done;
}

// ---- Status ------------------------------------------------------------------------------------------------------

Readiness ClientCore::WaitReady(milliseconds timeout) {
  MutexLock lock(mutex_);
  const auto settled = [this]() GUIDON_REQUIRES(mutex_) {
    return status_.source != RulesetSource::kNone || status_.state == ClientState::kUnauthorised ||
           status_.state == ClientState::kOffline || status_.state == ClientState::kClosed;
  };
  const bool in_time = changed_.WaitFor(lock, timeout, settled);
  if (status_.source != RulesetSource::kNone) return {true, ""};
  std::string cause = in_time ? std::string(ToString(status_.state)) : "timeout: still initialising";
  if (!status_.last_error.empty()) cause += ": " + status_.last_error;
  return {false, std::move(cause)};
}

ClientStatus ClientCore::Status() {
  ClientStatus status;
  {
    MutexLock lock(mutex_);
    status = status_;
    if (has_confirmation_) {
      status.age = std::chrono::duration_cast<milliseconds>(Clock::now() - confirmed_);
    }
  }
  const std::shared_ptr<const RulesetView> view = current.Share();
  for (const BrokenFlag& broken : view->ruleset->broken()) status.broken.emplace_back(broken.key, broken.reason);
  return status;
}

void ClientCore::SetState(ClientState state, std::string error) {
  MutexLock lock(mutex_);
  if (status_.state == ClientState::kClosed) return;
  status_.state = state;
  status_.last_error = std::move(error);
  changed_.NotifyAll();
}

void ClientCore::CountRefused(const std::string& why) {
  Log(LogLevel::kWarning, why);
  MutexLock lock(mutex_);
  ++status_.refused;
}

void ClientCore::CountReconnect() {
  MutexLock lock(mutex_);
  ++status_.reconnects;
}

bool ClientCore::Sleep(milliseconds time) {
  MutexLock lock(mutex_);
  changed_.WaitFor(lock, time, [this] { return closing(); });
  return !closing();
}

void ClientCore::SetHttp(net::HttpClient* http) {
  MutexLock lock(mutex_);
  http_ = http;
}

void ClientCore::Log(LogLevel level, const std::string& message) const {
  if (config.log) config.log(level, message);
}

// ---- Publishing --------------------------------------------------------------------------------------------------

void ClientCore::OnApplied(RulesetState& state, const Applied& applied, RulesetSource source) {
  auto view = std::make_shared<RulesetView>();
  view->ruleset = state.ruleset();
  view->is_ready = true;
  current.Publish(std::move(view));
  {
    MutexLock lock(mutex_);
    status_.source = source;
    status_.project = state.header().project;
    status_.environment = state.header().environment;
    status_.epoch = state.header().epoch;
    status_.revision = state.header().revision;
    status_.flags = state.ruleset()->flag_count();
    ++(applied.anything && applied.flags.empty() ? status_.snapshots : status_.changes);
    has_confirmation_ = true;
    confirmed_ = Clock::now();
    changed_.NotifyAll();
  }
  for (const BrokenFlag& broken : state.ruleset()->broken()) {
    Log(LogLevel::kWarning, "flag '" + broken.key + "' cannot be evaluated by this version: " + broken.reason);
  }
  Tell({state.header().revision, applied.flags, applied.anything});
  if (source == RulesetSource::kServer) {
    cache_dirty_ = true;
    FlushCache(state, false);
  }
}

void ClientCore::OnConfirmed(RulesetState& state) {
  bool moved = false;
  {
    MutexLock lock(mutex_);
    moved = status_.revision != state.header().revision;
    status_.revision = state.header().revision;
    status_.source = RulesetSource::kServer;
    has_confirmation_ = true;
    confirmed_ = Clock::now();
    changed_.NotifyAll();
  }
  if (moved) {
    auto view = std::make_shared<RulesetView>();
    view->ruleset = state.ruleset();
    view->is_ready = true;
    current.Publish(std::move(view));
    cache_dirty_ = true;
  }
  FlushCache(state, false);
}

void ClientCore::FlushCache(RulesetState& state, bool now) {
  if (!cache_dirty_ || config.cache_file.empty() || !state.has_ruleset()) return;
  if (!now && Clock::now() - cache_written_ < kCacheInterval) return;
  if (guidon::Status written = ReplaceFile(config.cache_file, state.Document()); !written) {
    Log(LogLevel::kWarning, written.error().message);
  }
  cache_written_ = Clock::now();
  cache_dirty_ = false;
}

Subscription ClientCore::Subscribe(std::function<void(const RulesetChange&)> callback) {
  MutexLock lock(subscribers_mutex_);
  const std::uint64_t id = next_subscriber_++;
  subscribers_.push_back({id, std::move(callback)});
  return Subscription([self = shared_from_this(), id] {
    MutexLock ending(self->subscribers_mutex_);
    std::erase_if(self->subscribers_, [id](const Callback& c) { return c.id == id; });
  });
}

void ClientCore::Tell(const RulesetChange& change) {
  MutexLock lock(subscribers_mutex_);
  for (const Callback& callback : subscribers_) callback.call(change);
}

// ---- Unknown flags -----------------------------------------------------------------------------------------------

void ClientCore::NoteUnknownFlag(std::string_view key) noexcept {
  // Never waits: when somebody else holds the lock, the next read of this key will say it.
  std::unique_lock<std::mutex> lock(mutex_.native(), std::try_to_lock);
  if (!lock.owns_lock() || unknown_.size() >= kMaxUnknownFlags || unknown_.find(key) != unknown_.end()) return;
  try {
    unknown_.emplace(key);
    unsaid_.emplace_back(key);
  } catch (const std::bad_alloc&) {
    // It will be noted when there is memory again.
  }
}

void ClientCore::SayUnknownFlags(std::vector<std::string> keys) {
  const std::vector<std::string> known = current.Share()->ruleset->FlagKeys();
  for (const std::string& key : keys) {
    const std::string hint = DidYouMean(key, known);
    Log(LogLevel::kWarning,
        "there is no flag '" + key + "'; its default is served" + (hint.empty() ? "" : "; " + hint));
  }
}

}  // namespace guidon::internal
