#include "server/webhooks/deliverer.h"

#include <algorithm>
#include <charconv>
#include <random>
#include <utility>

#include "net/http_client.h"
#include "net/url.h"
#include "server/store/system_clock.h"
#include "server/webhooks/address_guard.h"

namespace guidon {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kRevisionsAtOnce = 100;
constexpr Revision kKeepEvery = 1000;  // revisions of no interest, after which the place is written down all the same
constexpr int kGone = 410;
constexpr std::chrono::seconds kMostForMessage{15};
constexpr std::chrono::seconds kMostForPing{5};  // a person waits, and a worker of the server

// How far a webhook was told; written again and again, read at the start only.
std::string PlaceKey(std::string_view id) {
  return "!webhook/" + std::string(id);
}

std::uint64_t RandomSeed() {
  std::random_device random;
  return static_cast<std::uint64_t>(random()) << 32 | random();
}

}  // namespace

struct Deliverer::Sent {
  bool ok = false, is_gone = false;
  std::chrono::milliseconds retry_after{0};
  std::string error;
};

// Everything but `http` and `working` belongs to whoever holds the mutex; `working` says that a thread works for it.
struct Deliverer::Entry {
  explicit Entry(Webhook its, net::BackoffLimits limits) : webhook(std::move(its)), backoff(limits, RandomSeed()) {}

  Webhook webhook;
  WebhookState state;
  Revision kept = 0;  // as it is written down
  bool working = false, removed = false;
  Clock::time_point next{};  // not before
  net::Backoff backoff;
  std::shared_ptr<net::HttpClient> http;  // of the delivery under way
};

Deliverer::Deliverer(Store& store, DelivererOptions options)
    : store_(store), options_(std::move(options)), epoch_(store.Epoch()) {
  for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { Run(); });
  commits_ = store_.Watch(store_.Head().position, [this] { Wake(); });
}

Deliverer::~Deliverer() {
  Stop();
}

void Deliverer::Stop() {
  commits_.reset();
  std::vector<std::shared_ptr<net::HttpClient>> under_way;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    for (const auto& [id, entry] : entries_) {
      if (entry->http) under_way.push_back(entry->http);
    }
  }
  changed_.NotifyAll();
  for (const auto& http : under_way) http->Stop(std::chrono::milliseconds(0));
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Deliverer::Put(Webhook webhook) {
  Revision told = webhook.after;
  if (const Result<std::optional<KeyValue>> place = store_.Get(PlaceKey(webhook.id)); place && *place) {
    Revision kept = 0;
    const std::string& text = (*place)->value;
    std::from_chars(text.data(), text.data() + text.size(), kept);
    told = std::max(told, kept);
  }
  {
    MutexLock lock(mutex_);
    std::shared_ptr<Entry>& entry = entries_[webhook.id];
    if (entry) {
      entry->webhook = std::move(webhook);
      entry->next = {};  // another address may be a better one
    } else {
      entry = std::make_shared<Entry>(std::move(webhook), options_.backoff);
      entry->state.told = entry->kept = told;
    }
  }
  changed_.NotifyAll();
}

void Deliverer::Remove(std::string_view id) {
  std::shared_ptr<net::HttpClient> under_way;
  {
    MutexLock lock(mutex_);
    const auto held = entries_.find(id);
    if (held == entries_.end()) return;
    held->second->removed = true;
    under_way = held->second->http;
    entries_.erase(held);
  }
  if (under_way) under_way->Stop(std::chrono::milliseconds(0));
  Txn txn;
  txn.ops = {TxnOp::Delete(PlaceKey(id))};
  store_.Submit(std::move(txn), [](const Result<TxnResult>&) {});
}

void Deliverer::Wake() {
  // Through the mutex, so that a thread that has just looked and is about to wait hears it.
  { MutexLock lock(mutex_); }
  changed_.NotifyAll();
}

std::optional<Webhook> Deliverer::Find(std::string_view id) const {
  MutexLock lock(mutex_);
  const auto held = entries_.find(id);
  if (held == entries_.end()) return std::nullopt;
  return held->second->webhook;
}

std::vector<Webhook> Deliverer::List() const {
  std::vector<Webhook> list;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, entry] : entries_) list.push_back(entry->webhook);
  }
  std::sort(list.begin(), list.end(), [](const Webhook& a, const Webhook& b) {
    return a.created_ms != b.created_ms ? a.created_ms < b.created_ms : a.id < b.id;
  });
  return list;
}

std::optional<WebhookState> Deliverer::StateOf(std::string_view id) const {
  MutexLock lock(mutex_);
  const auto held = entries_.find(id);
  if (held == entries_.end()) return std::nullopt;
  return held->second->state;
}

Status Deliverer::Ping(const Webhook& webhook) const {
  const Timestamp now = Now();
  const Sent sent =
      Send(webhook, MessageId(epoch_, 0, webhook.id) + "-" + std::to_string(now.time_since_epoch().count()),
           PingBody(webhook, now), nullptr);
  if (!sent.ok) return guidon::Fail(ErrorCode::kUnavailable, sent.error);
  return {};
}

Timestamp Deliverer::Now() const {
  return options_.clock ? options_.clock() : SystemNow();
}

void Deliverer::Run() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    Clock::time_point next = Clock::now() + std::chrono::hours(1);
    const std::shared_ptr<Entry> entry = Due(Clock::now(), &next);
    if (!entry) {
      // Woken by a commit, a webhook, the end, or when the first one may be tried again.
      bool is_first = true;
      changed_.WaitUntil(lock, next, [&is_first] { return !std::exchange(is_first, false); });
      continue;
    }
    entry->working = true;
    lock.native().unlock();
    Work(*entry);
    lock.native().lock();
    entry->working = false;
  }
}

// The one that may be told something now; else when the first may.
std::shared_ptr<Deliverer::Entry> Deliverer::Due(Clock::time_point now, Clock::time_point* next) {
  const Revision head = store_.Head().revision;
  for (const auto& [id, entry] : entries_) {
    if (entry->working || !entry->webhook.disabled.empty() || entry->state.told >= head) continue;
    if (entry->next <= now) return entry;
    *next = std::min(*next, entry->next);
  }
  return nullptr;
}

// Up to kRevisionsAtOnce revisions, or until one cannot be delivered.
void Deliverer::Work(Entry& entry) {
  Webhook webhook;
  Revision told = 0;
  {
    MutexLock lock(mutex_);
    webhook = entry.webhook;
    told = entry.state.told;
  }
  const Result<std::vector<RevisionEntry>> revisions =
      store_.Revisions(told + 1, store_.Head().revision, kRevisionsAtOnce);
  if (!revisions || revisions->empty()) {
    if (options_.report && !revisions) options_.report(webhook, "the log cannot be read: " + revisions.error().message);
    MutexLock lock(mutex_);
    entry.next = Clock::now() + entry.backoff.Next();
    return;
  }
  bool is_dead = false;  // the message before this one was passed over
  for (const RevisionEntry& revision : *revisions) {
    {
      MutexLock lock(mutex_);
      if (stopping_ || entry.removed || !entry.webhook.disabled.empty()) return;
      webhook = entry.webhook;  // it may have been replaced
    }
    const std::optional<RevisionEvent> event = ReadRevisionEvent(revision);
    const bool is_wanted = event && Wants(webhook, *event);
    if (is_wanted && is_dead && IsTooOld(*event)) {
      PassOver(entry, webhook, *event);
    } else if (is_wanted) {
      if (!Deliver(entry, webhook, *event)) return;
      is_dead = IsFailing(entry);
    }
    Advance(entry, revision.revision, is_wanted);
  }
}

bool Deliverer::IsTooOld(const RevisionEvent& event) const {
  return Now() - event.time >= options_.give_up;
}

bool Deliverer::IsFailing(const Entry& entry) const {
  MutexLock lock(mutex_);
  return entry.state.failing_since != Timestamp{};
}

void Deliverer::PassOver(Entry& entry, const Webhook& webhook, const RevisionEvent& event) {
  std::string error;
  {
    MutexLock lock(mutex_);
    ++entry.state.passed_over;
    error = entry.state.last_error;
  }
  if (!options_.report) return;
  options_.report(webhook, "revision " + std::to_string(event.revision) + " is passed over: " + error);
}

// Whether the next one may be told.
bool Deliverer::Deliver(Entry& entry, const Webhook& webhook, const RevisionEvent& event) {
  const Sent sent = Send(webhook, MessageId(epoch_, event.revision, webhook.id), BodyFor(webhook, event), &entry);
  {
    MutexLock lock(mutex_);
    if (stopping_ || entry.removed) return sent.ok;
  }
  if (options_.count) options_.count(sent.ok);
  if (sent.is_gone) return Disable(entry, webhook, sent.error), false;
  {
    MutexLock lock(mutex_);
    // What another address says is no reason to wait with this one.
    if (!sent.ok && entry.webhook.url != webhook.url) return false;
    entry.state.last_error = sent.error;
    if (sent.ok) {
      ++entry.state.delivered;
      entry.state.failing_since = {};
      entry.backoff.Reset();
      return true;
    }
    if (entry.state.failing_since == Timestamp{}) entry.state.failing_since = Now();
    entry.next = Clock::now() + entry.backoff.Next(sent.retry_after);
  }
  if (!IsTooOld(event)) return false;
  PassOver(entry, webhook, event);
  return true;
}

// Unless it was replaced or removed since: then the answer was another one's.
void Deliverer::Disable(Entry& entry, const Webhook& asked, const std::string& why) {
  MutexLock change(changes_);
  Webhook now;
  {
    MutexLock lock(mutex_);
    if (stopping_ || entry.removed || entry.webhook.url != asked.url) return;
    entry.webhook.disabled = entry.state.last_error = why;
    now = entry.webhook;
  }
  if (options_.disable) options_.disable(now, why);
}

void Deliverer::Advance(Entry& entry, Revision told, bool keep) {
  std::string id;
  {
    MutexLock lock(mutex_);
    entry.state.told = told;
    if (entry.removed || (!keep && told - entry.kept < kKeepEvery)) return;
    entry.kept = told;
    id = entry.webhook.id;
  }
  Txn txn;
  txn.ops = {TxnOp::Put(PlaceKey(id), std::to_string(told))};
  store_.Submit(std::move(txn), [](const Result<TxnResult>&) {});  // else it is told again after the next start
}

Deliverer::Sent Deliverer::Send(const Webhook& webhook, const std::string& id, const std::string& body,
                                Entry* entry) const {
  Sent sent;
  const auto [origin, path] = SplitWebhookUrl(webhook.url);
  net::Url url;
  if (!net::ParseUrl(origin, &url, &sent.error)) return sent;
  const Result<std::string> address = ResolveForWebhook(url, options_.allow_private);
  if (!address) {
    sent.error = address.error().message;
    return sent;
  }
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(Now().time_since_epoch()).count();
  const Result<std::string> signature = SignWebhook(webhook.secret, id, now, body);
  if (!signature) {
    sent.error = signature.error().message;
    return sent;
  }
  net::HttpOptions options;
  options.connect = std::chrono::seconds(5);
  options.silence = options.total = entry == nullptr ? kMostForPing : kMostForMessage;
  options.address = *address;
  options.ca_file = options_.ca_file;
  const std::shared_ptr<net::HttpClient> http = net::MakeHttpClient(url, options);
  if (entry != nullptr) {
    MutexLock lock(mutex_);
    if (stopping_ || entry->removed) return sent;
    entry->http = http;
  }
  const net::HttpRequest request = {.method = "POST",
                                    .path = path,
                                    .headers = {{"Content-Type", "application/json"},
                                                {"User-Agent", "guidon/" + options_.version},
                                                {"webhook-id", id},
                                                {"webhook-timestamp", std::to_string(now)},
                                                {"webhook-signature", *signature}},
                                    .body = body};
  // Only the head is waited for: a receiver that takes a message and then says much, or slowly, has taken it.
  net::HttpResult result = http->Stream(
      request, [](const net::HttpResponse&) { return false; }, [](std::string_view) { return false; });
  if (result.failure == net::HttpFailure::kRefused) result.failure = net::HttpFailure::kNone;
  if (entry != nullptr) {
    MutexLock lock(mutex_);
    entry->http.reset();
  }
  if (!result.ok()) {
    sent.error = result.message;
    return sent;
  }
  const int status = result.response.status;
  sent.ok = status / 100 == 2;
  sent.is_gone = status == kGone;
  if (!sent.ok) sent.error = url.Authority() + " answered " + std::to_string(status);
  const auto asked = net::ParseRetryAfter(result.response.Header("Retry-After"), std::chrono::system_clock::now());
  if (asked) sent.retry_after = *asked;
  return sent;
}

}  // namespace guidon
