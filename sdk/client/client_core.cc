#include "sdk/client/client_core.h"

#include <csignal>

#include <algorithm>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <utility>

#include "core/base/issue.h"
#include "sdk/source/file_source.h"
#include "sdk/source/stream_source.h"
#include "sdk/state/cache_file.h"

namespace guidon::internal {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{50};              // `now` is at most this old, and a little scheduling
constexpr std::size_t kMaxUnknownFlags = 256;  // keys that are remembered as unknown; later ones are not said
constexpr milliseconds kPause{1'000};          // of a thread that got no memory
constexpr milliseconds kHookFaultInterval{60'000};
constexpr std::size_t kMaxApplicationBytes = 256;
constexpr milliseconds kCacheInterval{1'000};       // between two writes; doubles with each that fails …
constexpr int kMostCacheDoublings = 6;              // … up to about a minute
constexpr milliseconds kCacheTimeInterval{60'000};  // between two confirmations that the file's time tells of, at most
constexpr milliseconds kTimeToEnd{250};             // of the deadline of Close, at most, for all but the last events
constexpr milliseconds kNever = std::chrono::hours(24 * 365);

std::int64_t SystemMs() {
  return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::chrono::system_clock::time_point WallTimeOf(std::chrono::steady_clock::time_point time) {
  const auto ago = std::chrono::steady_clock::now() - time;
  return std::chrono::system_clock::now() - std::chrono::duration_cast<std::chrono::system_clock::duration>(ago);
}

// A time that can be added to a clock's now: applications pass milliseconds::max() for "as long as it takes".
milliseconds Bounded(milliseconds time) {
  return std::clamp<milliseconds>(time, milliseconds(0), kNever);
}

void Say(const LogSink& log, LogLevel level, std::string_view message) noexcept {
  try {
    if (log) log(level, message);
  } catch (...) {  // the application's; there is nobody to tell
  }
}

// A flag file stands alone: what somebody tries with it is not to be told to a server as what users were shown.
void SetAsideWhatAFlagFileReplaces(ClientConfig& config) {
  if (config.flag_file.empty()) return;
  if (!config.server.empty()) {
    Say(config.log, LogLevel::kWarning,
        "flags are those of the flag file " + config.flag_file + ": " + config.server +
            " is not asked, and nothing is sent to it");
  }
  for (std::string* other : {&config.server, &config.cache_file, &config.bootstrap_file, &config.bootstrap}) {
    other->clear();
  }
}

// For operators to see, so not worth a request: what cannot be sent with one is left out.
void LeaveOutWhatNoHeaderHolds(ClientConfig& config) {
  const auto check = [&](std::string& text, const char* what) {
    const bool is_plain = std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; });
    if (is_plain && text.size() <= kMaxApplicationBytes) return;
    Say(config.log, LogLevel::kWarning,
        std::string(what) + (is_plain ? " has more than 256 bytes" : " holds a line end or another control character") +
            ": it is left out");
    text.clear();
  };
  check(config.application, "application");
  check(config.application_version, "application_version");
}

ClientConfig Usable(ClientConfig config) {
  SetAsideWhatAFlagFileReplaces(config);
  LeaveOutWhatNoHeaderHolds(config);
  config.serve_defaults_after = std::clamp<milliseconds>(config.serve_defaults_after, milliseconds(0), kNever);
  for (milliseconds* time :
       {&config.connect_timeout, &config.silence_timeout, &config.backoff_first, &config.backoff_most,
        &config.unauthorised_recheck, &config.flush_interval, &config.request_timeout, &config.max_batch_age,
        &config.status_interval, &config.status_delay, &config.flag_file_interval}) {
    *time = std::clamp<milliseconds>(*time, milliseconds(1), std::chrono::hours(24));
  }
  config.max_queued_events = std::max<std::size_t>(config.max_queued_events, 1);
  config.max_queued_bytes = std::max<std::size_t>(config.max_queued_bytes, 64u << 10);
  return config;
}

// Before the first ruleset, and when what is held is too old: no flags.
std::shared_ptr<const RulesetView> EmptyView(const std::shared_ptr<Lineage>& lineage) {
  return std::make_shared<const RulesetView>(Compile(Snapshot(), {lineage, {}}), false, RecordedRuleset());
}

// While nobody takes exposures, as many may wait in the rings as in the queue: both bounds are the queue's.
RecorderOptions RecordedBy(const ClientConfig& config) {
  RecorderOptions options;
  options.spare_bytes = config.max_queued_events < config.max_queued_bytes / kMaxEventBytes
                            ? config.max_queued_events * kMaxEventBytes
                            : config.max_queued_bytes;
  options.private_attributes = config.private_attributes;
  options.all_attributes_private = config.all_attributes_private;
  options.exposures = config.send_events;
  return options;
}

// Keeps a client of which this thread is a leftover.
thread_local std::shared_ptr<const ClientCore> leftover_of;

// Threads that are made meanwhile have all signals blocked but those that a fault raises in the thread itself:
// handlers of the application run on the application's threads.
class WithoutSignals {
 public:
  WithoutSignals() {
    sigset_t all;
    sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) sigdelset(&all, fault);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~WithoutSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  WithoutSignals(const WithoutSignals&) = delete;
  WithoutSignals& operator=(const WithoutSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

ClientCore::ClientCore(ClientConfig given)
    : config(Usable(std::move(given))),
      lineage(std::make_shared<Lineage>()),
      has_hooks(!config.hooks.empty()),
      recorder(RecordedBy(config)),
      current(EmptyView(lineage)),
      coarse_ms(SystemMs()),
      outbox(std::make_unique<Outbox>(*this)),
      state_(lineage, config.flag_overrides ? Overrides::FromProcess() : Overrides()) {
  EnlistForForks(*this);
}

ClientCore::~ClientCore() {
  StrikeFromForks(*this);
}

// ---- Life --------------------------------------------------------------------------------------------------------

void ClientCore::Start() {
  std::string fault = LoadLocal();
  if (!config.flag_file.empty()) {
    auto source = std::make_shared<FileSource>(*this);
    source->Look();
    MutexLock lock(mutex_);
    file_source_ = std::move(source);
  } else if (config.server.empty()) {
    if (fault.empty()) fault = "no server is configured, and no ruleset was given";
    SetState(ClientState::kOffline, has_ruleset() ? "" : std::move(fault));
  } else if (has_ruleset()) {
    SetState(ClientState::kStale);
  }
  ServeDefaultsWhenTooOld();
  MutexLock lock(mutex_);
  is_started_ = true;
  told_ = ConditionNow();
  StartWorkers();
}

void ClientCore::StartWorkers() {
  const WithoutSignals without_signals;
  try {
    StartWorker(workers_[kClock], &ClientCore::RunClock);
    StartWorker(workers_[kKeeper], &ClientCore::RunKeeper);
    if (HasSource()) StartWorker(workers_[kSource], &ClientCore::RunSource);
    if (outbox->HasWork()) StartWorker(workers_[kOutbox], &ClientCore::RunOutbox);
  } catch (const std::system_error& e) {
    outbox->Stop();
    if (workers_[kClock].is_done) coarse_ms.store(kNobodyMovesIt, std::memory_order_relaxed);
    status_.state = ClientState::kOffline;
    status_.last_error = std::string("the system gives no thread: ") + e.what();
  }
}

void ClientCore::StartWorker(Worker& worker, void (ClientCore::*run)()) {
  // The new thread waits for mutex_, which the caller holds, before it says that it is done.
  worker.thread = std::thread([this, run, &worker] {
    (this->*run)();
    if (IsLeftover()) return;          // `worker` is another thread's
    std::shared_ptr<ClientCore> self;  // goes last, without the lock
    MutexLock lock(mutex_);
    self = std::move(worker.self);
    worker.is_done = true;
    changed_.NotifyAll();
    chores_.NotifyAll();
  });
  worker.id = worker.thread.get_id();
  worker.is_done = false;
  worker.self = shared_from_this();
}

// The cache is what a server last sent; bootstrap is what somebody put there. Returns what was wrong with the last of
// them that was there.
std::string ClientCore::LoadLocal() {
  std::string fault;
  const auto note = [&](LogLevel level, std::string message) {
    Log(level, message);
    fault = std::move(message);
  };
  const auto take = [&](std::string_view text, const std::string& name, RulesetSource source) {
    const Applied applied = Take(DocumentKind::kSnapshot, text, "", source);
    if (applied.outcome == ApplyOutcome::kApplied) return true;
    note(LogLevel::kWarning, name + " is not used: " + applied.message);
    return false;
  };
  if (!config.cache_file.empty()) {
    const Result<WholeFile> file = ReadWholeFile(config.cache_file);
    if (!file && file.error().code != ErrorCode::kNotFound) note(LogLevel::kWarning, file.error().message);
    if (file && take(file->content, "cache file " + config.cache_file, RulesetSource::kCache)) {
      const auto age =
          std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now() - file->mark.written());
      cache_mark_ = file->mark;
      MutexLock lock(mutex_);
      confirmed_ = cache_confirmed_ = Clock::now() - Bounded(age);
      has_confirmation_ = true;
      return "";
    }
  }
  if (!config.bootstrap_file.empty()) {
    const Result<WholeFile> file = ReadWholeFile(config.bootstrap_file);
    if (!file) note(LogLevel::kError, file.error().message);
    if (file && take(file->content, "bootstrap file " + config.bootstrap_file, RulesetSource::kBootstrap)) return "";
  }
  if (!config.bootstrap.empty() && take(config.bootstrap, "bootstrap", RulesetSource::kBootstrap)) return "";
  return fault;
}

// A thread of ours that cannot get on for want of memory must not end the process: it begins anew after a pause.
void ClientCore::RunSource() {
  while (!closing()) {
    try {
      return FollowSource();
    } catch (const std::exception& e) {
      NoteNoMemory(e.what());
    }
    Sleep(kPause);
  }
}

void ClientCore::NoteNoMemory(const char* what) noexcept {
  try {
    const std::string message = std::string("cannot go on for now: ") + what;
    Log(LogLevel::kWarning, message);
    MutexLock lock(mutex_);
    if (status_.state != ClientState::kLive) status_.last_error = message;
  } catch (const std::exception&) {
    MutexLock lock(mutex_);
    if (status_.state != ClientState::kLive) status_.last_error = "no memory";  // as short as needs none
  }
}

void ClientCore::FollowSource() {
  if (config.flag_file.empty()) {
    RunStreamSource(*this);
    return;
  }
  std::shared_ptr<FileSource> source;
  {
    MutexLock lock(mutex_);
    if (file_source_ == nullptr) file_source_ = std::make_shared<FileSource>(*this);  // in the child of a fork()
    source = file_source_;
  }
  source->Run();
}

void ClientCore::RunOutbox() {
  outbox->Run();
}

void ClientCore::RunClock() {
  while (!closing()) {
    coarse_ms.store(SystemMs(), std::memory_order_relaxed);
    ServeDefaultsWhenTooOld();
    MutexLock lock(mutex_);
    changed_.WaitFor(lock, kTick, [this] { return closing(); });
    if (HasChore()) chores_.NotifyOne();
  }
  coarse_ms.store(kNobodyMovesIt, std::memory_order_relaxed);
}

std::int64_t ClientCore::ReadClock() noexcept {
  return SystemMs();
}

// At the end twice: what is there at once, for the source may take longer than there is time, and then what the source
// still applied of what it had read.
void ClientCore::RunKeeper() {
  bool is_last = false;
  while (!is_last) {
    {
      MutexLock lock(mutex_);
      chores_.Wait(lock, [this]() GUIDON_REQUIRES(mutex_) { return closing() || HasChore(); });
      is_last = closing();
    }
    TryChores();
    if (IsLeftover()) return;
  }
  {
    MutexLock lock(mutex_);
    chores_.WaitUntil(lock, keep_until_, [this]() GUIDON_REQUIRES(mutex_) { return workers_[kSource].is_done; });
  }
  TryChores();
}

// What fails for want of memory is tried again, but for lines of the log.
void ClientCore::TryChores() noexcept {
  try {
    DoChores();
  } catch (const std::exception& e) {
    NoteNoMemory(e.what());
    MutexLock lock(mutex_);
    chores_held_until_ = Clock::now() + kPause;
  }
}

void ClientCore::DoChores() {
  std::vector<std::string> unsaid;
  std::vector<std::pair<LogLevel, std::string>> lines;
  {
    MutexLock lock(mutex_);
    unsaid.swap(unsaid_);
    lines.swap(unsaid_lines_);
  }
  KeepCache();
  SayUnknownFlags(unsaid);
  for (const auto& [level, line] : lines) Log(level, line);
  TellStatus();
}

bool ClientCore::HasChore() const {
  if (Clock::now() < chores_held_until_) return false;
  return !unsaid_.empty() || !unsaid_lines_.empty() || !IsConditionTold() || IsCacheDue();
}

bool ClientCore::AllDone() const {
  return std::all_of(workers_.begin(), workers_.end(), [](const Worker& worker) { return worker.is_done; });
}

bool ClientCore::Flush(milliseconds deadline) {
  return outbox->Flush(Bounded(deadline));
}

void ClientCore::RenewEvents() {
  recorder.ContinueInChild();
  left_outboxes_.push_back(std::move(outbox));  // a thread of this client that forked may still be in it
  outbox = std::make_unique<Outbox>(*this);
  outbox->NoteApplied();  // so that the server hears of this process soon
  if (closing_.load()) outbox->Stop();
}

bool ClientCore::Close(milliseconds deadline) {
  const Clock::time_point until = Clock::now() + Bounded(deadline);
  Flush(Bounded(deadline) - std::min(kTimeToEnd, Bounded(deadline) / 4));
  outbox->Stop();
  std::vector<std::thread> ended;
  bool is_done = false;
  {
    MutexLock lock(mutex_);
    // A callback that closes its own client holds the source up itself.
    keep_until_ = workers_[kSource].id == std::this_thread::get_id() ? Clock::now() : until;
    closing_.store(true);
    changed_.NotifyAll();
    chores_.NotifyAll();
    if (file_source_ != nullptr) file_source_->Wake();
    // A callback that closes its own client cannot wait for its own thread.
    const auto others_done = [this]() GUIDON_REQUIRES(mutex_) {
      return std::all_of(workers_.begin(), workers_.end(), [](const Worker& worker) {
        return worker.is_done || worker.id == std::this_thread::get_id();
      });
    };
    while (!others_done()) {
      // Stop only shuts the socket down; a call that has not opened it yet is stopped by the next round. It may be the
      // application's, so it is called without the lock.
      std::shared_ptr<net::HttpClient> http = http_;
      lock.native().unlock();
      if (http != nullptr) http->Stop(milliseconds(0));
      http.reset();
      outbox->Stop();
      lock.native().lock();
      if (others_done()) break;
      const Clock::time_point now = Clock::now();
      if (now >= until) break;
      changed_.WaitUntil(lock, std::min(until, now + milliseconds(5)), others_done);
    }
    is_done = AllDone();
    for (Worker& worker : workers_) {
      if (!worker.thread.joinable()) continue;
      if (worker.is_done) {
        ended.push_back(std::move(worker.thread));
      } else {
        worker.thread.detach();  // keeps this object alive, and ends by itself
      }
    }
    status_.state = ClientState::kClosed;
    changed_.NotifyAll();
  }
  for (std::thread& thread : ended) thread.join();
  return is_done;
}

// ---- Status ------------------------------------------------------------------------------------------------------

Readiness ClientCore::WaitReady(milliseconds timeout) {
  MutexLock lock(mutex_);
  const auto is_served = [this]() GUIDON_REQUIRES(mutex_) {
    return status_.source != RulesetSource::kNone && !status_.serves_defaults;
  };
  const auto settled = [&]() GUIDON_REQUIRES(mutex_) {
    return is_served() || status_.state == ClientState::kUnauthorised || status_.state == ClientState::kOffline ||
           status_.state == ClientState::kClosed;
  };
  const bool in_time = changed_.WaitFor(lock, Bounded(timeout), settled);
  if (is_served()) return {true, ""};
  std::string cause = in_time                   ? std::string(ToString(status_.state))
                      : status_.serves_defaults ? "timeout: what is held is too old to be served"
                                                : "timeout: still initialising";
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
      const bool is_fed = status.state == ClientState::kLive || status.state == ClientState::kPolling;
      if (!is_fed) status.stale_since = std::chrono::system_clock::now() - status.age;
    }
  }
  const std::shared_ptr<const RulesetView> view = current.Share();
  status.events = outbox->Status();
  for (const BrokenFlag& broken : view->ruleset->broken()) status.broken.emplace_back(broken.key, broken.reason);
  return status;
}

void ClientCore::SetState(ClientState state, std::string error) {
  MutexLock lock(mutex_);
  if (status_.state == ClientState::kClosed || IsLeftover()) return;
  status_.state = state;
  status_.last_error = std::move(error);
  changed_.NotifyAll();
  if (!IsConditionTold()) chores_.NotifyOne();
}

std::uint32_t ClientCore::forks() const {
  MutexLock lock(mutex_);
  return status_.forks;
}

void ClientCore::CountReconnect() {
  MutexLock lock(mutex_);
  ++status_.reconnects;
}

void ClientCore::CountRefused() {
  MutexLock lock(mutex_);
  ++status_.refused;
}

bool ClientCore::Sleep(milliseconds time) {
  MutexLock lock(mutex_);
  changed_.WaitFor(lock, Bounded(time), [this] { return closing(); });
  return !closing();
}

void ClientCore::AnnounceHttp(std::shared_ptr<net::HttpClient> http) {
  MutexLock lock(mutex_);
  http_.swap(http);  // the old one goes without the lock
}

void ClientCore::WithdrawHttp(const std::shared_ptr<net::HttpClient>& http) {
  std::shared_ptr<net::HttpClient> old;
  MutexLock lock(mutex_);
  if (http_ == http) http_.swap(old);
}

void ClientCore::Log(LogLevel level, const std::string& message) const noexcept {
  Say(config.log, level, message);
}

void ClientCore::SayLater(LogLevel level, std::string message) {
  MutexLock lock(mutex_);
  if (!closing()) unsaid_lines_.emplace_back(level, std::move(message));
}

// A hook that throws does so at every read: text is made for the first of a minute only. Never waits: while somebody
// else holds the lock, a fault is not counted.
void ClientCore::NoteHookFault(const Hook& hook, const char* stage, const char* what) noexcept {
  try {
    std::unique_lock<std::mutex> lock(mutex_.native(), std::try_to_lock);
    if (!lock.owns_lock()) return;
    const Clock::time_point now = Clock::now();
    const auto [fault, is_first] = hook_faults_.try_emplace({&hook, stage}, HookFault{now});
    HookFault& held = fault->second;
    if (!is_first && now - held.said < kHookFaultInterval) {
      ++held.more;
      return;
    }
    std::string message =
        std::string("a hook threw in ") + stage + (what == nullptr ? "" : ": ") + (what == nullptr ? "" : what);
    if (held.more > 0) message += "; and " + std::to_string(held.more) + " times since it was last said";
    held = {now};
    if (!closing()) unsaid_lines_.emplace_back(LogLevel::kError, std::move(message));
  } catch (const std::exception&) {  // there is no memory: the next one says it
  }
}

// ---- Publishing --------------------------------------------------------------------------------------------------

Applied ClientCore::Take(DocumentKind kind, std::string_view text, std::string_view event_id, RulesetSource source) {
  Applied applied;
  RulesetChange change;
  std::shared_ptr<const Ruleset> before, ruleset;
  std::vector<std::string> warnings;
  {
    MutexLock lock(state_mutex_);
    const Order order = source == RulesetSource::kFile ? Order::kAny : Order::kGrowing;
    before = state_.has_ruleset() ? state_.ruleset() : current.Share()->ruleset;
    applied = kind == DocumentKind::kSnapshot ? state_.TakeSnapshot(text, order)
              : kind == DocumentKind::kChange ? state_.TakeChange(text, event_id)
                                              : state_.TakeHeartbeat(text, event_id);
    ruleset = state_.ruleset();
    // What is refused or ignored does not end that defaults are served.
    if (applied.outcome == ApplyOutcome::kApplied || applied.outcome == ApplyOutcome::kNothing) PublishHeld();
    warnings = recorder.TakeWarnings();
    for (std::string& warning : state_.TakeWarnings()) warnings.push_back(std::move(warning));
    NoteTaken(applied, kind, source);
    change = {state_.header().revision, applied.flags, applied.anything};
  }
  for (const std::string& warning : warnings) Log(LogLevel::kWarning, warning);
  if (applied.outcome != ApplyOutcome::kApplied) return applied;
  outbox->NoteApplied();
  for (const BrokenFlag& broken : ruleset->broken()) {
    if (before->BrokenReason(broken.key) == broken.reason) continue;  // said already
    Log(LogLevel::kWarning, "flag '" + broken.key + "' cannot be evaluated by this version: " + broken.reason);
  }
  Tell(change);
  return applied;
}

void ClientCore::NoteTaken(const Applied& applied, DocumentKind kind, RulesetSource source) {
  MutexLock lock(mutex_);
  if (applied.outcome == ApplyOutcome::kIgnored) return;
  if (applied.outcome == ApplyOutcome::kRefused || applied.outcome == ApplyOutcome::kNeedsAll) {
    ++status_.refused;
    return;
  }
  const SnapshotHeader& header = state_.header();
  const bool is_new = applied.outcome == ApplyOutcome::kApplied || status_.revision != header.revision;
  if (applied.outcome == ApplyOutcome::kApplied) {
    ++(kind == DocumentKind::kSnapshot ? status_.snapshots : status_.changes);
  }
  status_.serves_defaults = false;
  status_.source = source;
  status_.project = header.project;
  status_.environment = header.environment;
  status_.epoch = header.epoch;
  status_.revision = header.revision;
  status_.flags = state_.ruleset()->flag_count();
  if (source == RulesetSource::kServer) {
    has_confirmation_ = true;
    confirmed_ = Clock::now();
    if (is_new && !config.cache_file.empty()) is_cache_old_ = true;
  }
  changed_.NotifyAll();
}

// By what readers have, not by what was held before: had the one before not been published for want of memory, this one
// makes up for it.
void ClientCore::PublishHeld() {
  const std::shared_ptr<const Ruleset>& ruleset = state_.ruleset();
  const std::shared_ptr<const RulesetView> seen = current.Share();
  if (ruleset == nullptr || seen->ruleset == ruleset) return;
  const SnapshotHeader& header = state_.header();
  RecordedRuleset recorded = recorder.Enlist(*ruleset, header.epoch, header.environment, &seen->recorded);
  current.Publish(std::make_shared<const RulesetView>(ruleset, true, std::move(recorded)));
}

void ClientCore::ServeDefaultsWhenTooOld() {
  if (!IsTooOld()) return;
  MutexLock state_lock(state_mutex_);
  if (!IsTooOld()) return;  // confirmed meanwhile
  try {
    current.Publish(EmptyView(lineage));
  } catch (const std::exception&) {
    return;  // there is no memory: at the next tick
  }
  MutexLock lock(mutex_);
  status_.serves_defaults = true;
}

bool ClientCore::IsTooOld() {
  if (config.serve_defaults_after == milliseconds(0) || config.server.empty()) return false;
  MutexLock lock(mutex_);
  return status_.source != RulesetSource::kNone && !status_.serves_defaults &&
         Clock::now() - confirmed_ >= config.serve_defaults_after;
}

void ClientCore::Confirm(RulesetSource source) {
  MutexLock state_lock(state_mutex_);
  PublishHeld();
  MutexLock lock(mutex_);
  status_.serves_defaults = false;
  status_.source = source;
  has_confirmation_ = true;
  confirmed_ = Clock::now();
  changed_.NotifyAll();
}

bool ClientCore::has_ruleset() const {
  MutexLock lock(state_mutex_);
  return state_.has_ruleset();
}

std::string ClientCore::EventId() const {
  MutexLock lock(state_mutex_);
  return state_.EventId();
}

Held ClientCore::WhatIsHeld() const {
  MutexLock lock(state_mutex_);
  return {state_.header().epoch, state_.header().revision, state_.digest()};
}

// ---- The cache file ----------------------------------------------------------------------------------------------

// Whether the server confirmed what is held after the time that the file says.
bool ClientCore::IsCacheTimeOld() const {
  return status_.source == RulesetSource::kServer && !config.cache_file.empty() && confirmed_ > cache_confirmed_;
}

bool ClientCore::IsCacheDue() const {
  if (!is_cache_old_ && !IsCacheTimeOld()) return false;
  const auto since = Clock::now() - cache_kept_;
  if (is_cache_old_) return since >= kCacheInterval * (1 << std::clamp(cache_failures_ - 1, 0, kMostCacheDoublings));
  return since >= CacheTimeAllowed();
}

// How far the file's time may be behind. What is to be served for a short time only must not look much older than it
// is.
milliseconds ClientCore::CacheTimeAllowed() const {
  const milliseconds quarter = config.serve_defaults_after / 4;
  return quarter == milliseconds(0) ? kCacheTimeInterval : std::clamp(quarter, kCacheInterval, kCacheTimeInterval);
}

// Writes the file, or only its time; at the end also what is not due yet, for there will be no later time. What fails
// is tried again.
void ClientCore::KeepCache() {
  bool write = false;
  Clock::time_point confirmed;
  {
    MutexLock lock(mutex_);
    if (!IsCacheDue() && !(closing() && (is_cache_old_ || IsCacheTimeOld()))) return;
    write = is_cache_old_;
    is_cache_old_ = false;
    confirmed = confirmed_;
    cache_kept_ = Clock::now();
  }
  bool is_kept = false;
  try {
    is_kept = (!write && TouchCache(confirmed)) || WriteCache(confirmed);
  } catch (const std::exception& e) {
    NoteNoMemory(e.what());
  }
  if (IsLeftover()) return;
  MutexLock lock(mutex_);
  cache_failures_ = is_kept ? 0 : cache_failures_ + 1;
  if (is_kept) cache_confirmed_ = confirmed;
  if (!is_kept) is_cache_old_ = true;
}

bool ClientCore::WriteCache(Clock::time_point confirmed) {
  std::string document;
  {
    MutexLock lock(state_mutex_);
    document = state_.Document();
  }
  const Result<FileMark> written = ReplaceFile(config.cache_file, document, WallTimeOf(confirmed));
  if (!written) {
    const std::string& message = written.error().message;
    Log(message == cache_said_ ? LogLevel::kDebug : LogLevel::kWarning, message);
    if (IsLeftover()) return false;  // it forked in the log: what follows is another thread's now
    cache_said_ = message;
    return false;
  }
  cache_said_.clear();
  cache_mark_ = *written;
  return true;
}

// False: it has to be written. A file that another process left is that one's to confirm, for as long as it does.
bool ClientCore::TouchCache(Clock::time_point confirmed) {
  const auto time = WallTimeOf(confirmed);
  const Result<FileMark> mark = TouchFile(config.cache_file, cache_mark_, time);
  if (!mark) return false;
  if (mark->number == cache_mark_.number && mark->written() == time) cache_mark_ = *mark;
  const auto now = std::chrono::system_clock::now();
  return *mark == cache_mark_ || (mark->written() >= time - CacheTimeAllowed() && mark->written() <= now);
}

// ---- Subscribers -------------------------------------------------------------------------------------------------

Subscription ClientCore::Subscribe(std::function<void(const RulesetChange&)> callback) {
  if (!callback) return {};
  auto subscriber = std::make_shared<Subscriber>();
  subscriber->on_change = std::move(callback);
  return Add(std::move(subscriber));
}

Subscription ClientCore::SubscribeToStatus(std::function<void(const ClientStatus&)> callback) {
  if (!callback) return {};
  auto subscriber = std::make_shared<Subscriber>();
  subscriber->on_status = std::move(callback);
  return Add(std::move(subscriber));
}

Subscription ClientCore::Add(const std::shared_ptr<Subscriber>& subscriber) {
  MutexLock lock(mutex_);
  subscribers_.push_back(subscriber);
  return Subscription([self = shared_from_this(), subscriber] { self->End(subscriber); });
}

void ClientCore::Tell(const RulesetChange& change) {
  std::vector<std::shared_ptr<Subscriber>> subscribers;
  {
    MutexLock lock(mutex_);
    subscribers = subscribers_;
  }
  for (const auto& subscriber : subscribers) {
    if (subscriber->on_change) Call(*subscriber, "OnChange", [&] { subscriber->on_change(change); });
  }
}

ClientCore::Condition ClientCore::ConditionNow() const {
  return {status_.state, status_.source, status_.serves_defaults, status_.epoch};
}

// Without a copy: asked by threads that have no memory to ask for.
bool ClientCore::IsConditionTold() const noexcept {
  return std::tie(status_.state, status_.source, status_.serves_defaults, status_.epoch) == told_;
}

void ClientCore::TellStatus() {
  std::vector<std::shared_ptr<Subscriber>> subscribers;
  {
    MutexLock lock(mutex_);
    if (IsConditionTold()) return;
    subscribers = subscribers_;
    told_ = ConditionNow();
  }
  for (const auto& subscriber : subscribers) {
    if (subscriber->on_status) Call(*subscriber, "OnStatus", [&] { subscriber->on_status(Status()); });
  }
}

void ClientCore::Call(Subscriber& subscriber, const char* what, const std::function<void()>& call) {
  {
    MutexLock lock(mutex_);
    if (subscriber.ended) return;
    ++subscriber.depth;
    subscriber.runner = std::this_thread::get_id();
  }
  const auto complain = [&](const char* colon, const char* cause) noexcept {
    try {
      Log(LogLevel::kError, std::string("a callback of ") + what + " threw" + colon + cause);
    } catch (const std::exception&) {  // there is no memory to say so; whoever ends the subscription must not wait
    }
  };
  try {
    call();
  } catch (const std::exception& e) {
    complain(": ", e.what());
  } catch (...) {
    complain("", "");
  }
  MutexLock lock(mutex_);
  if (--subscriber.depth == 0) changed_.NotifyAll();
}

void ClientCore::End(const std::shared_ptr<Subscriber>& subscriber) {
  MutexLock lock(mutex_);
  std::erase(subscribers_, subscriber);
  subscriber->ended = true;
  if (subscriber->depth > 0 && subscriber->runner == std::this_thread::get_id()) return;
  changed_.Wait(lock, [&] { return subscriber->depth == 0; });
}

// ---- fork() ------------------------------------------------------------------------------------------------------

void ClientCore::HoldForFork() GUIDON_THREAD_ANNOTATION(no_thread_safety_analysis) {
  state_mutex_.lock();
  mutex_.lock();
  outbox->HoldForFork();
  for (KeySlots* slots : {&lineage->flags, &lineage->segments, &lineage->experiments}) slots->mutex().lock();
}

void ClientCore::FreeInParent() GUIDON_THREAD_ANNOTATION(no_thread_safety_analysis) {
  for (KeySlots* slots : {&lineage->flags, &lineage->segments, &lineage->experiments}) slots->mutex().unlock();
  outbox->FreeAfterFork();
  mutex_.unlock();
  state_mutex_.unlock();
}

std::shared_ptr<void> ClientCore::ContinueInChild() GUIDON_THREAD_ANNOTATION(no_thread_safety_analysis) {
  const std::shared_ptr<ClientCore> self = weak_from_this().lock();
  if (self != nullptr) {
    LeaveOldThreads();
    outbox->LeaveInChild();
  }
  FreeInParent();
  if (self == nullptr) return nullptr;
  // What reads left behind and what is on its way belongs to the parent.
  RenewEvents();
  RenewPatterns();
  MutexLock lock(mutex_);
  ++status_.forks;
  if (closing_.load()) {
    status_.state = ClientState::kClosed;  // nobody is left to finish closing it
    coarse_ms.store(kNobodyMovesIt, std::memory_order_relaxed);
  } else if (is_started_) {  // and not still made, by a thread that is not here or goes on with it
    if (status_.state != ClientState::kOffline) {
      status_.state = status_.source == RulesetSource::kNone ? ClientState::kInitialising : ClientState::kStale;
      status_.last_error.clear();
    }
    told_ = ConditionNow();
    StartWorkers();
  }
  return self;
}

void ClientCore::RenewPatterns() {
  MutexLock lock(state_mutex_);
  try {
    if (state_.RenewPatterns() && current.Share()->is_ready) PublishHeld();
  } catch (const std::exception&) {  // there is no memory: the next change brings new ones
  }
}

// std::thread, and the condition variables on which threads waited that are not here, must not be destroyed or used:
// they are made anew in their place.
void ClientCore::LeaveOldThreads() GUIDON_THREAD_ANNOTATION(no_thread_safety_analysis) {
  for (CondVar* condition : {&changed_, &chores_}) std::construct_at(condition);
  for (Worker& worker : workers_) {
    if (!worker.is_done && worker.id == std::this_thread::get_id()) leftover_of = worker.self;
    std::construct_at(&worker.thread);
    worker.id = {};
    worker.is_done = true;
    worker.self.reset();
  }
  for (const auto& subscriber : subscribers_) {
    if (subscriber->runner != std::this_thread::get_id()) subscriber->depth = 0;
  }
  if (file_source_ != nullptr) file_source_->CloseInChild();
  file_source_.reset();
  std::construct_at(&cache_said_);  // the keeper may have been writing it
  cache_mark_ = {};
  http_.reset();    // which destroys nothing: the thread that made it has one, too, and is not here, or still needs it
  unsaid_.clear();  // the parent says and writes it
  unsaid_lines_.clear();
  is_cache_old_ = false;
}

bool ClientCore::IsLeftover() const noexcept {
  return leftover_of.get() == this;
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

void ClientCore::SayUnknownFlags(const std::vector<std::string>& keys) {
  if (keys.empty()) return;
  const std::vector<std::string> known = current.Share()->ruleset->FlagKeys();
  for (const std::string& key : keys) {
    const std::string hint = DidYouMean(key, known);
    Log(LogLevel::kWarning,
        "there is no flag '" + key + "'; its default is served" + (hint.empty() ? "" : "; " + hint));
  }
}

}  // namespace guidon::internal
