#include "server/ingest/exposures.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "core/base/hash.h"
#include "core/base/json_members.h"
#include "core/eval/context_scalars.h"
#include "core/eval/evaluator.h"
#include "server/store/random.h"

namespace guidon {
namespace {

constexpr std::size_t kMostTextBytes = 1'024;  // of a unit, or a text in a context
constexpr std::size_t kMostContextBytes = 4'096;
constexpr std::size_t kMostEvents = 500;        // of a batch, and …
constexpr std::size_t kMostBytes = 256u << 10;  // … about so many bytes
constexpr std::size_t kBatchIdBytes = 16;

std::string_view RoleOf(const Consulted& consulted) {
  constexpr std::array<std::string_view, 3> kWords = {"assigned", "held_out", "comparison"};
  return kWords[static_cast<std::size_t>(consulted.role)];
}

// "" when it is longer than an exposure may have it.
std::string ContextOf(const Context& context) {
  std::string json = "{";
  JsonMembers members(json);
  ContextScalars::ForEach(context, [&](const ContextScalar& scalar) {
    const bool is_long = scalar.kind == ContextScalar::Kind::kText && scalar.text.size() > kMostTextBytes;
    if (is_long || scalar.name.empty() || scalar.name.size() > kMostTextBytes) return;
    if (json.size() > kMostContextBytes) return;
    members.Any(scalar.name, scalar.ToValue());
  });
  json += '}';
  return json.size() <= kMostContextBytes ? json : "";
}

std::string NewBatchId() {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  std::string id = RandomBytes(kBatchIdBytes + 6);
  for (char& c : id) c = kDigits[static_cast<unsigned char>(c) & 63];
  return id;
}

// Worth another try with the same id: it was not kept, or nobody knows.
bool IsPassing(ErrorCode code) {
  return code == ErrorCode::kOverloaded || code == ErrorCode::kStorageFull || code == ErrorCode::kUnavailable ||
         code == ErrorCode::kIndeterminate;
}

}  // namespace

std::uint64_t FingerprintOf(const Consulted& consulted) noexcept {
  const std::uint64_t details = (std::uint64_t{consulted.experiment->iteration} << 32) |
                                (static_cast<std::uint64_t>(static_cast<std::uint16_t>(consulted.variant)) << 8) |
                                (static_cast<std::uint64_t>(consulted.role) << 1) | (consulted.forced ? 1 : 0);
  const std::uint64_t position = Mix64(Mix64(Hash64(consulted.experiment->key)) + details);
  return Mix64(position + Hash64(consulted.unit));
}

NewExposure ExposureOf(const Consulted& consulted, const Context& context, std::int64_t now_ms, Revision revision) {
  NewExposure exposure{FingerprintOf(consulted), ""};
  if (consulted.unit.empty() || consulted.unit.size() > kMostTextBytes) return exposure;
  const CompiledExperiment& experiment = *consulted.experiment;
  std::string& json = exposure.event;
  json = "{";
  JsonMembers members(json);
  members.Text("type", "exposure").Number("time", now_ms).Text("flag", experiment.flag);
  members.Text("experiment", experiment.key).Number("iteration", std::int64_t{experiment.iteration});
  if (consulted.role != Consulted::Role::kComparison && consulted.variant != kNone) {
    members.Text("variant", experiment.variants[static_cast<std::size_t>(consulted.variant)]);
  }
  members.Text("role", RoleOf(consulted));
  if (consulted.role != Consulted::Role::kAssigned) members.Text("holdout", experiment.holdout);
  if (consulted.forced) members.Raw("forced", "true");
  const AttributeRef& attribute = *consulted.unit_attribute;
  members.Text("unit_attribute", attribute.is_key ? std::string_view("key") : std::string_view(attribute.name));
  members.Text("unit", consulted.unit);
  if (consulted.bucket >= 0) members.Number("bucket", std::int64_t{consulted.bucket});
  members.Number("revision", static_cast<std::int64_t>(revision));
  members.RawIfAny("context", ContextOf(context));
  json += '}';
  return exposure;
}

Exposures::Exposures(Journal& journal, IngestCounters& counters, ExposureOptions options)
    : journal_(journal),
      counters_(counters),
      options_(std::move(options)),
      remembered_mask_(std::bit_ceil(std::max(options_.remembered, kSet)) / kSet - 1),
      remembered_(new std::atomic<std::uint64_t>[(remembered_mask_ + 1) * kSet]()),
      thread_([this] { Run(); }) {}

Exposures::~Exposures() {
  Finish();
}

// Never 0, which is a place that remembers nothing.
std::uint64_t Exposures::PlaceOf(const Source& source, std::uint64_t fingerprint) const noexcept {
  const std::uint64_t where = Mix64(Hash64(source.project) + 1) ^ Hash64(source.environment);
  return std::max<std::uint64_t>(1, Mix64(fingerprint ^ where));
}

bool Exposures::Knows(const Source& source, std::uint64_t fingerprint) const noexcept {
  const std::uint64_t place = PlaceOf(source, fingerprint);
  const std::atomic<std::uint64_t>* const set = &remembered_[(place & remembered_mask_) * kSet];
  return std::any_of(set, set + kSet, [place](const std::atomic<std::uint64_t>& held) {
    return held.load(std::memory_order_relaxed) == place;
  });
}

void Exposures::Offer(const Source& source, NewExposure exposure) {
  if (exposure.event.empty() || Knows(source, exposure.fingerprint)) return;
  State& state = *state_;
  MutexLock lock(state.mutex);
  Group& group = state.groups[source];
  if (state.stopping || state.waiting_bytes + exposure.event.size() > options_.waiting_bytes) {
    ++state.dropped;
    ++group.dropped;  // not remembered: the next read of the unit offers it again
    state.changed.NotifyAll();
    return;
  }
  state.waiting_bytes += exposure.event.size();
  ++state.waiting;
  group.events.append(group.events.empty() ? "[" : ",").append(exposure.event);
  const bool is_first = ++group.count == 1;
  if (group.count >= kMostEvents || group.events.size() >= kMostBytes) {
    state.ready.push_back(std::make_shared<const Batch>(Batch{source, NewBatchId(), std::move(group)}));
    state.groups.erase(source);
    state.is_urgent = true;
  }
  if (state.is_urgent || is_first) state.changed.NotifyAll();
  // The oldest of the set gives way. Under the lock, so that two do not shift at once.
  const std::uint64_t place = PlaceOf(source, exposure.fingerprint);
  std::atomic<std::uint64_t>* const set = &remembered_[(place & remembered_mask_) * kSet];
  for (std::size_t i = kSet - 1; i > 0; --i) {
    set[i].store(set[i - 1].load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  set[0].store(place, std::memory_order_relaxed);
}

std::size_t Exposures::waiting() const {
  MutexLock lock(state_->mutex);
  return state_->waiting;
}

void Exposures::Run() {
  State& state = *state_;
  for (bool stopping = false; !stopping;) {
    std::vector<std::shared_ptr<const Batch>> batches;
    {
      MutexLock lock(state.mutex);
      const auto has_work = [&state]() GUIDON_REQUIRES(state.mutex) {
        return state.stopping || !state.groups.empty() || !state.ready.empty();
      };
      state.changed.Wait(lock, has_work);
      state.changed.WaitFor(lock, options_.delay,
                            [&state]() GUIDON_REQUIRES(state.mutex) { return state.stopping || state.is_urgent; });
      stopping = state.stopping;
      state.is_urgent = false;
      batches.swap(state.ready);
      for (auto& [source, group] : state.groups) {
        batches.push_back(std::make_shared<const Batch>(Batch{source, NewBatchId(), std::move(group)}));
      }
      state.groups.clear();
      state.under_way += batches.size();
    }
    for (auto& batch : batches) HandOn(std::move(batch));
  }
}

void Exposures::HandOn(std::shared_ptr<const Batch> batch) {
  NewEntry entry = EntryOf(*batch);
  journal_.Append(std::move(entry), [state = state_, batch, &counters = counters_](const Result<Appended>& answer) {
    OnAnswer(state, batch, counters, answer);
  });
}

// On a thread of the store.
void Exposures::OnAnswer(const std::shared_ptr<State>& state, const std::shared_ptr<const Batch>& batch,
                         IngestCounters& counters, const Result<Appended>& answer) {
  if (answer && !answer->duplicate) {
    EventCounts counts;
    counts.accepted[static_cast<std::size_t>(EventType::kExposure)] = batch->group.count;
    counts.accepted[static_cast<std::size_t>(EventType::kDropped)] = batch->group.dropped > 0 ? 1 : 0;
    counters.CountKept(counts, batch->group.events.size());
  }
  MutexLock lock(state->mutex);
  --state->under_way;
  if (!answer && IsPassing(answer.error().code) && !state->stopping) {
    // What is only a count goes back to its group: one for each source, however long this lasts.
    if (batch->group.count == 0 && answer.error().code != ErrorCode::kIndeterminate) {
      state->groups[batch->source].dropped += batch->group.dropped;
    } else {
      state->ready.push_back(batch);
    }
  } else {
    if (!answer) state->dropped += batch->group.count;
    const std::size_t separators = batch->group.count;  // "[" and the commas
    state->waiting_bytes -= batch->group.events.size() - separators;
    state->waiting -= batch->group.count;
  }
  state->changed.NotifyAll();
}

NewEntry Exposures::EntryOf(const Batch& batch) const {
  NewEntry entry{batch.source.project, batch.source.environment, batch.source.key, {}, "{}"};
  entry.batch.id = batch.id;
  entry.batch.sender =
      R"("sdk":{"name":"guidond","version":")" + options_.version + R"("},"epoch":")" + options_.epoch + "\",";
  entry.batch.events = batch.group.events.empty() ? "[" : batch.group.events;
  if (batch.group.dropped > 0) {
    if (batch.group.count > 0) entry.batch.events += ',';
    entry.batch.events += R"({"type":"dropped","counts":{"exposures":)" + std::to_string(batch.group.dropped) + "}}";
  }
  entry.batch.events += ']';
  entry.batch.counts.accepted[static_cast<std::size_t>(EventType::kExposure)] = batch.group.count;
  return entry;
}

void Exposures::Flush() {
  MutexLock lock(state_->mutex);
  state_->is_urgent = true;
  state_->changed.NotifyAll();
  state_->changed.WaitFor(lock, options_.finish,
                          [this]() GUIDON_REQUIRES(state_->mutex) { return state_->waiting == 0; });
}

void Exposures::Finish() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(state_->mutex);
    state_->stopping = true;
    state_->changed.NotifyAll();
  }
  thread_.join();
  MutexLock lock(state_->mutex);
  state_->changed.WaitFor(lock, options_.finish,
                          [this]() GUIDON_REQUIRES(state_->mutex) { return state_->under_way == 0; });
}

}  // namespace guidon
