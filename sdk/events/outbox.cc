#include "sdk/events/outbox.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <memory>
#include <utility>

#include "core/base/json.h"
#include "net/gzip.h"
#include "sdk/client/client_core.h"
#include "sdk/source/http.h"

namespace guidon::internal {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kDrainSoon{10};    // while exposures come
constexpr milliseconds kDrainLater{100};  // while none do
constexpr milliseconds kPause{1'000};     // when there is no memory
constexpr std::size_t kDrainChunk = 256;
constexpr int kDrainChunks = 256;                        // of one go; readers may be faster than we are
constexpr std::size_t kMaxEpochBytes = 64;               // a longer one is not sent
constexpr std::size_t kEnvelopeBytes = 96u << 10;        // of a batch: all but its events, and epochs that differ
constexpr std::size_t kCompressFrom = 1u << 10;          // bytes; less is not worth it
constexpr std::size_t kRememberedExposures = 16u << 10;  // of each generation

std::optional<net::Url> UrlOf(const ClientConfig& config) {
  net::Url url;
  std::string fault;
  if (config.server.empty() || !net::ParseUrl(config.server, &url, &fault)) return std::nullopt;
  return url;
}

// Random text of [a-z0-9].
std::string RandomId(std::size_t size) {
  constexpr std::string_view kDigits = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::size_t kOfOneSeed = 8;
  std::string id;
  std::uint64_t random = 0;
  while (id.size() < size) {
    if (id.size() % kOfOneSeed == 0) random = RandomSeed();
    id += kDigits[random % kDigits.size()];
    random /= kDigits.size();
  }
  return id;
}

Moment Now() {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<milliseconds>(wall).count(), std::chrono::steady_clock::now()};
}

DroppedEvents Minus(const DroppedEvents& a, const DroppedEvents& b) {
  DroppedEvents d;
  d.exposures = a.exposures - b.exposures;
  d.track = a.track - b.track;
  d.invalid = a.invalid - b.invalid;
  d.batches = a.batches - b.batches;
  return d;  // what the server rejected it knows itself
}

}  // namespace

Outbox::Outbox(ClientCore& core)
    : core_(core),
      privacy_{PrivateAttributes(core.config.private_attributes, core.config.all_attributes_private),
               PrivateAttributes(core.config.private_attributes)},
      url_(UrlOf(core.config)),
      instance_(RandomId(16)),
      sender_(EncodeSender(core.config, instance_)),
      random_(RandomSeed()),
      backoff_({core.config.backoff_first, core.config.backoff_most}, RandomSeed()),
      remembered_(kRememberedExposures),
      counted_until_(Now()),
      exposures_(core.config.max_queued_events, core.config.max_queued_bytes),
      tracks_(core.config.max_queued_events, core.config.max_queued_bytes) {
  next_round_ = Clock::now() + NextInterval();
  next_status_ = Clock::now() + core.config.status_interval;
  core.recorder.SetExposures(core.config.send_events && url_.has_value());
}

// ---- For the application's threads -------------------------------------------------------------------------------

void Outbox::Track(const TrackCall& call) noexcept {
  if (!core_.config.send_events) return;
  try {
    Result<std::string> json = EncodeTrack(call, core_.NowMs(), privacy_);
    if (!json) return NoteFault(json.error().message);
    if (!url_) return;
    json->shrink_to_fit();
    MutexLock lock(mutex_);
    if (stopping_ || !tracks_.TryPush({*std::move(json), nullptr})) {
      ++status_.dropped.track;
    } else if (tracks_.size() == kMaxBatchEvents) {  // enough for a batch
      is_awake_ = true;
      wake_.NotifyOne();
    }
  } catch (...) {  // there is no memory
    MutexLock lock(mutex_);
    ++status_.dropped.track;
  }
}

// Said once: an application that does it wrong does it often.
void Outbox::NoteFault(const std::string& fault) {
  {
    MutexLock lock(mutex_);
    if (++status_.dropped.invalid > 1) return;
  }
  core_.SayLater(LogLevel::kWarning, "Track: " + fault + "; it is not sent");
}

bool Outbox::Flush(milliseconds deadline) {
  if (!core_.config.send_events || !url_) return true;  // nothing was queued
  MutexLock lock(mutex_);
  if (stopping_ || runner_ == std::this_thread::get_id()) return false;
  const std::uint64_t ticket = ++tickets_, losses = losses_, refusals = refusals_;
  is_awake_ = true;
  wake_.NotifyOne();
  settled_.WaitFor(lock, deadline, [&]() GUIDON_REQUIRES(mutex_) {
    return tickets_done_ >= ticket || losses_ != losses || refusals_ != refusals || stopping_;
  });
  return tickets_done_ >= ticket && losses_ == losses;
}

EventStatus Outbox::Status() const {
  MutexLock lock(mutex_);
  EventStatus status = status_;
  status.queued = exposures_.size() + tracks_.size();
  status.dropped = Dropped();
  return status;
}

// Without a server nothing is lost, for nothing was to be sent.
DroppedEvents Outbox::Dropped() const {
  DroppedEvents dropped = status_.dropped;
  if (core_.config.send_events && url_) dropped.exposures += core_.recorder.dropped_exposures();
  return dropped;
}

void Outbox::NoteApplied() {
  if (!core_.config.send_status || !url_) return;
  MutexLock lock(mutex_);
  is_status_asked_ = true;
  is_awake_ = true;
  wake_.NotifyOne();
}

// ---- The thread --------------------------------------------------------------------------------------------------

bool Outbox::HasWork() const {
  return url_ && (core_.config.send_events || core_.config.send_status);
}

bool Outbox::stopping() const {
  MutexLock lock(mutex_);
  return stopping_;
}

void Outbox::Run() {
  {
    MutexLock lock(mutex_);
    runner_ = std::this_thread::get_id();
  }
  while (!stopping()) {
    try {
      Step();
    } catch (const std::exception& e) {  // there is no memory
      NoteNoMemory(e.what());
      next_attempt_ = next_drain_ = next_status_ = Clock::now() + kPause;
    }
    Wait();
  }
  if (core_.IsLeftover()) return;  // what the recorder has is for the child's own outbox
  try {
    CountLeft();
  } catch (const std::exception& e) {
    NoteNoMemory(e.what());
  }
}

void Outbox::NoteNoMemory(const char* what) noexcept {
  try {
    const std::string message = std::string("events cannot be sent for now: ") + what;
    Say(LogLevel::kWarning, message);
    MutexLock lock(mutex_);
    status_.last_error = message;
  } catch (const std::exception&) {  // not even to say so
  }
}

void Outbox::Step() {
  if (core_.config.send_events) {
    // A round first, and then what the recorder has: what was exposed before somebody asked for the round is in it.
    if (!round_) BeginRound();
    const bool is_drained = Drain();
    if (round_) Advance(is_drained);
  }
  if (core_.config.send_status) SendStatus();
}

void Outbox::Stop() {
  core_.recorder.SetExposures(false);
  std::shared_ptr<net::HttpClient> http;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    http = http_;
    wake_.NotifyOne();
    settled_.NotifyAll();
  }
  if (http != nullptr) http->Stop(milliseconds(0));  // it may be the application's
}

// Threads that are not here may have waited on the conditions: they are made anew in their place.
void Outbox::LeaveInChild() {
  for (CondVar* condition : {&wake_, &settled_}) std::construct_at(condition);
  stopping_ = true;
  http_.reset();  // which destroys nothing: the thread that made it has one, too, and is not here, or still needs it
}

void Outbox::Wait() {
  Clock::time_point until = Clock::now() + std::chrono::hours(1);
  if (core_.config.send_events) until = std::min({until, next_drain_, round_ ? next_attempt_ : next_round_});
  if (core_.config.send_status) until = std::min(until, next_status_);
  MutexLock lock(mutex_);
  wake_.WaitUntil(lock, until, [this]() GUIDON_REQUIRES(mutex_) { return stopping_ || is_awake_; });
  is_awake_ = false;
}

milliseconds Outbox::Random(milliseconds most) {
  return milliseconds(static_cast<milliseconds::rep>(random_() % static_cast<std::uint64_t>(most.count() + 1)));
}

// At random, so that what was started together does not send together.
milliseconds Outbox::NextInterval() {
  const milliseconds half = std::max(core_.config.flush_interval / 2, milliseconds(1));
  return half + Random(half);
}

// Once; while it goes on to fail for the same reason, only to those who want to know everything.
void Outbox::Say(LogLevel level, const std::string& message) {
  const bool is_news = message != said_;
  said_ = message;
  core_.Log(is_news ? level : LogLevel::kDebug, message);
}

// What is left when the client is closed is lost, and counted.
void Outbox::CountLeft() {
  {
    MutexLock lock(mutex_);
    if (batch_) ++status_.dropped.batches;
    status_.dropped.exposures += exposures_.size() - (batch_ ? batch_->exposures.size() : 0);
    status_.dropped.track += tracks_.size() - (batch_ ? batch_->tracks.size() : 0);
    batch_.reset();
    exposures_.Close();
    tracks_.Close();
  }
  if (!core_.config.send_events) return;
  std::uint64_t exposures = 0, evaluations = 0;
  const auto count = [&](const RecordedExposure& exposure) {
    const std::uint64_t hash = HashOf(exposure);
    if (remembered_.Has(hash)) return;  // it was queued before
    remembered_.Add(hash);
    ++exposures;
  };
  while (core_.recorder.TakeExposures(kDrainChunk, count) > 0) continue;
  for (const EvaluationCount& left : counts_.entries) evaluations += left.count;
  for (const EvaluationCount& left : core_.recorder.TakeCounts()) evaluations += left.count;
  MutexLock lock(mutex_);
  status_.dropped.exposures += exposures;
  status_.dropped.evaluations += evaluations;
}

// ---- Exposures ---------------------------------------------------------------------------------------------------

// Queues what the recorder has. False when more is left there: for want of room, or because readers are faster. What
// stays there until its rings are full is offered again by later reads, which is better than to take it and drop it.
bool Outbox::Drain() {
  const Clock::time_point now = Clock::now();
  bool is_any = false;
  for (int i = 0; i < kDrainChunks; ++i) {
    std::size_t room = 0;
    {
      MutexLock lock(mutex_);
      room = std::min(
          {kDrainChunk, exposures_.room_events(), exposures_.room_bytes() / (kMaxEventBytes + sizeof(QueuedEvent))});
    }
    const std::size_t taken =
        room == 0 ? 0 : core_.recorder.TakeExposures(room, [this](const RecordedExposure& e) { Queue(e); });
    is_any = is_any || taken > 0;
    next_drain_ = now + (is_any ? kDrainSoon : kDrainLater);
    if (taken < room) return true;
    if (room == 0) return false;
  }
  return false;
}

void Outbox::Queue(const RecordedExposure& exposure) {
  const std::uint64_t hash = HashOf(exposure);
  if (remembered_.Has(hash)) return;
  QueuedEvent event{EncodeExposure(exposure), nullptr};
  const bool has_epoch = !exposure.epoch.empty() && exposure.epoch.size() <= kMaxEpochBytes;
  if (has_epoch && (epoch_ == nullptr || *epoch_ != exposure.epoch)) {
    epoch_ = std::make_shared<const std::string>(exposure.epoch);
  }
  if (has_epoch) event.epoch = epoch_;
  event.json.shrink_to_fit();
  MutexLock lock(mutex_);
  if (event.json.empty() || !exposures_.TryPush(std::move(event))) {
    ++status_.dropped.exposures;
    return;
  }
  remembered_.Add(hash);
}

// ---- Rounds ------------------------------------------------------------------------------------------------------

void Outbox::BeginRound() {
  const Clock::time_point now = Clock::now();
  MutexLock lock(mutex_);
  const bool is_asked = tickets_ > tickets_done_, is_due = now >= next_round_;
  const bool is_much = exposures_.size() + tracks_.size() >= kMaxBatchEvents;
  if (!is_asked && !is_due && !is_much) return;
  // Counts are sums: they need not go out earlier when there is much else.
  round_ = Round{tickets_, is_asked || is_due, false, 0, 0};
  if (is_asked || is_due) next_round_ = now + NextInterval();
}

void Outbox::Advance(bool is_drained) {
  const Clock::time_point now = Clock::now();
  {
    MutexLock lock(mutex_);
    if (is_drained && !round_->has_ends) {
      round_->has_ends = true;
      round_->exposures_end = exposures_.pushed();
      round_->tracks_end = tracks_.pushed();
    }
    // Who waits in Flush need not wait for a backoff, but for a server that asks to wait.
    if (tickets_ > hurried_ && !is_told_to_wait_) {
      next_attempt_ = std::min(next_attempt_, last_attempt_ + core_.config.backoff_first);
    }
    if (now < next_attempt_) return;
    hurried_ = tickets_;
  }
  if (!batch_) MakeBatch();
  if (batch_) Attempt();
  MutexLock lock(mutex_);
  if (!IsRoundOver()) return;
  tickets_done_ = std::max(tickets_done_, round_->ticket);
  round_.reset();
  settled_.NotifyAll();
}

bool Outbox::IsRoundOver() const {
  return !batch_ && round_->has_ends && !round_->with_counts && counts_.entries.empty() &&
         exposures_.settled() >= round_->exposures_end && tracks_.settled() >= round_->tracks_end;
}

// Leaves `batch_` empty when there is nothing to send. In the order of what must not be missing: what was dropped,
// counts, exposures, and then what is tracked.
void Outbox::MakeBatch() {
  batch_.emplace();
  batch_->id = RandomId(24);
  batch_->made = Now();
  std::size_t left = max_batch_bytes_ - std::min(kEnvelopeBytes, max_batch_bytes_ / 2);
  AddCounts(left);
  left -= std::min(left, batch_->evaluations.size());
  MutexLock lock(mutex_);
  batch_->dropped = Minus(Dropped(), reported_);
  reported_ = Dropped();
  exposures_.Pop(kMaxBatchEvents - batch_->events(), left, batch_->exposures);
  for (const QueuedEvent& event : batch_->exposures) left -= std::min(left, event.json.size() + 1);
  tracks_.Pop(kMaxBatchEvents - batch_->events(), left, batch_->tracks);
  // However little the server takes, one event is tried.
  if (batch_->events() == 0) exposures_.Pop(1, kMaxEventBytes + 1, batch_->exposures);
  if (batch_->events() == 0) tracks_.Pop(1, kMaxEventBytes + 1, batch_->tracks);
  if (batch_->events() == 0) batch_.reset();
}

// As many of the counts that wait as fit; when none wait, and the round is for counts, those of the recorder.
void Outbox::AddCounts(std::size_t max_bytes) {
  if (counts_.entries.empty() && round_->with_counts) {
    const Moment now = Now();
    counts_ = {core_.recorder.TakeCounts(), counted_until_, now};
    counted_until_ = now;
    round_->with_counts = false;
  }
  std::size_t taken = 0;
  const std::int64_t from_ms = counts_.from.WallAt(batch_->made), to_ms = counts_.to.WallAt(batch_->made);
  std::string event = EncodeEvaluations(counts_.entries, from_ms, to_ms, max_bytes, &taken);
  const auto end = counts_.entries.begin() + static_cast<std::ptrdiff_t>(taken);
  batch_->counts = {{counts_.entries.begin(), end}, counts_.from, counts_.to};
  batch_->evaluations = std::move(event);
  counts_.entries.erase(counts_.entries.begin(), end);
}

// ---- Attempts ----------------------------------------------------------------------------------------------------

// One attempt, and what follows from its answer.
void Outbox::Attempt() {
  last_attempt_ = Clock::now();
  // A clock that was put right since would have the server leave the counts out.
  const Moment now = Now();
  if (!batch_->may_have_arrived && batch_->made.WallAt(now) != batch_->made.wall_ms) return TakeBack();
  if (last_attempt_ - batch_->made.steady >= core_.config.max_batch_age) {
    // What surely did not arrive may go out again under another id; of the rest nobody can tell.
    if (!batch_->may_have_arrived) return TakeBack();
    return Lose("a batch of events found no clear answer for " +
                std::to_string(std::chrono::duration_cast<std::chrono::hours>(core_.config.max_batch_age).count()) +
                " hours: it is dropped");
  }
  const net::HttpResult result = Post("/sdk/v1/events", EncodeBatch(*batch_, sender_, now.wall_ms));
  if (stopping()) {
    if (result.ok() && result.response.status == 202) Durable(result.response);
    return;
  }
  milliseconds asked{0};
  std::string error;
  const Verdict verdict = Judge(result, &asked, &error);
  is_told_to_wait_ = asked > milliseconds(0);
  next_attempt_ = Clock::now();
  {
    MutexLock lock(mutex_);
    status_.last_error = error;
  }
  switch (verdict) {
    case Verdict::kDurable:
      return Durable(result.response);
    case Verdict::kRefused:
      return Lose(error);
    case Verdict::kTooLarge:
      return TooLarge(error);
    case Verdict::kHeld: {
      next_attempt_ += core_.config.unauthorised_recheck;
      Say(LogLevel::kError, error);
      MutexLock lock(mutex_);
      ++refusals_;
      settled_.NotifyAll();
      return;
    }
    case Verdict::kAgain:
      next_attempt_ += backoff_.Next(asked);
      return Say(LogLevel::kWarning, error);
  }
}

// By the table of docs/spec/events.md.
Outbox::Verdict Outbox::Judge(const net::HttpResult& result, milliseconds* asked, std::string* error) {
  if (!result.ok()) {
    *error = "events are kept: " + result.message;
    const bool was_sent = result.failure != net::HttpFailure::kConnect && result.failure != net::HttpFailure::kTls &&
                          result.failure != net::HttpFailure::kInvalid;
    batch_->may_have_arrived = batch_->may_have_arrived || was_sent;
    return result.failure == net::HttpFailure::kInvalid ? Verdict::kHeld : Verdict::kAgain;
  }
  const int status = result.response.status;
  const std::string said = url_->Authority() + " answered " + std::to_string(status);
  switch (status) {
    case 202:
      return Verdict::kDurable;
    case 400:
    case 415:
      *error = said + " to a batch of events: it is dropped";
      return Verdict::kRefused;
    case 401:
    case 403:
    case 404:
      *error = said + " to a batch of events: it takes none by this key; they are kept";
      return Verdict::kHeld;
    case 413:
      *error = said + " to a batch of events: it is too large";
      return Verdict::kTooLarge;
    default:
      *error = said + " to a batch of events: they are kept";
      break;
  }
  // What stands between may say 503 after the server took it.
  batch_->may_have_arrived = batch_->may_have_arrived || (status != 429 && status != 507);
  const auto wanted = net::ParseRetryAfter(result.response.Header("Retry-After"), std::chrono::system_clock::now());
  *asked = wanted.value_or(milliseconds(0));
  return Verdict::kAgain;
}

void Outbox::Durable(const net::HttpResponse& response) {
  const Result<Value> answer = ParseJson(response.body);
  const Value* rejected = answer ? answer->Find("rejected") : nullptr;
  const Value* accepted = answer ? answer->Find("accepted") : nullptr;
  const Array none;
  const Array& named = rejected == nullptr ? none : rejected->AsArray();
  // Only the first are named.
  std::size_t count = named.size();
  if (count > 0 && accepted != nullptr && accepted->is_int()) {
    const auto taken = static_cast<std::size_t>(std::max<std::int64_t>(0, accepted->AsInt()));
    count = std::max(count, batch_->events() - std::min(batch_->events(), taken));
  }
  if (count > 0) {
    const Value* why = named.front().Find("message");
    if (why == nullptr) why = named.front().Find("reason");
    Say(LogLevel::kWarning, url_->Authority() + " left out " + std::to_string(count) +
                                " events: " + (why == nullptr ? "" : why->AsString()));
  } else {
    said_.clear();
  }
  backoff_.Reset();
  MutexLock lock(mutex_);
  ++status_.batches;
  status_.dropped.rejected += count;
  exposures_.Settle(batch_->exposures);
  tracks_.Settle(batch_->tracks);
  batch_.reset();
}

// The next ones are at most half as large, for as long as the process lives. A single event that is too large is lost.
void Outbox::TooLarge(const std::string& error) {
  if (batch_->events() <= 1 && batch_->counts.entries.size() <= 1) return Lose(error + ", with a single event");
  Say(LogLevel::kWarning, error);
  const std::size_t bytes = EncodeBatch(*batch_, sender_, 0).size();
  max_batch_bytes_ = std::max<std::size_t>(1, std::min(max_batch_bytes_, bytes) / 2);
  TakeBack();
}

// The next one waits as after a failure: a server that refuses everything must not be flooded with what is left.
void Outbox::Lose(const std::string& error) {
  Say(LogLevel::kError, error);
  next_attempt_ = Clock::now() + backoff_.Next();
  MutexLock lock(mutex_);
  reported_ = Minus(reported_, batch_->dropped);
  ++status_.dropped.batches;
  ++losses_;
  exposures_.Settle(batch_->exposures);
  tracks_.Settle(batch_->tracks);
  batch_.reset();
  settled_.NotifyAll();
}

// What is in the batch is as if it had never been put into it.
void Outbox::TakeBack() {
  MutexLock lock(mutex_);
  // What may fail for want of memory comes first: it is called again then.
  counts_.entries.reserve(counts_.entries.size() + batch_->counts.entries.size());
  reported_ = Minus(reported_, batch_->dropped);
  if (counts_.entries.empty()) counts_.to = batch_->counts.to;
  if (!batch_->counts.entries.empty()) {
    counts_.from = batch_->counts.from;
    counts_.entries.insert(counts_.entries.begin(), std::make_move_iterator(batch_->counts.entries.begin()),
                           std::make_move_iterator(batch_->counts.entries.end()));
  }
  exposures_.PutBack(std::move(batch_->exposures));
  tracks_.PutBack(std::move(batch_->tracks));
  batch_.reset();
}

// ---- Status ------------------------------------------------------------------------------------------------------

// When it is due: some time after a ruleset was applied, and every now and then. One that cannot be sent is dropped.
void Outbox::SendStatus() {
  const Clock::time_point now = Clock::now();
  {
    MutexLock lock(mutex_);
    if (is_status_asked_ && !is_status_near_) {
      next_status_ = std::max(status_held_until_, std::min(next_status_, now + Random(core_.config.status_delay)));
      is_status_near_ = true;
    }
    if (now < next_status_) return;
    is_status_asked_ = is_status_near_ = false;
  }
  next_status_ = now + core_.config.status_interval;
  if (!core_.has_ruleset()) return;
  const net::HttpResult result = Post("/sdk/v1/status", EncodeStatus(core_.Status(), core_.WhatIsHeld(), sender_));
  const int status = result.response.status;
  if (result.ok() && status >= 400 && status < 500 && status != 429) {
    status_held_until_ = Clock::now() + core_.config.unauthorised_recheck;
    next_status_ = std::max(next_status_, status_held_until_);
  }
}

// ---- HTTP --------------------------------------------------------------------------------------------------------

net::HttpResult Outbox::Post(const std::string& path, std::string_view text) {
  net::HttpRequest request;
  request.method = "POST";
  request.path = path;
  request.headers = HeadersOf(core_.config);
  request.headers.emplace_back("Content-Type", "application/json");
  if (text.size() >= kCompressFrom) request.body = net::Gzip(text);
  if (!request.body.empty()) {
    request.headers.emplace_back("Content-Encoding", "gzip");
  } else {
    request.body = text;
  }
  const milliseconds patience = core_.config.request_timeout;
  const std::shared_ptr<net::HttpClient> http = MakeHttp(core_.config, *url_, {patience, patience});
  const auto announce = [this](std::shared_ptr<net::HttpClient> under_way) {
    MutexLock lock(mutex_);
    http_.swap(under_way);
    return !stopping_;
  };
  net::HttpResult result;
  result.failure = net::HttpFailure::kStopped;
  if (announce(http)) result = http->Send(request);
  announce(nullptr);
  return result;
}

}  // namespace guidon::internal
