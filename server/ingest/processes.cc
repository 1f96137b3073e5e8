#include "server/ingest/processes.h"

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>

#include <guidon/value.h>
#include "core/base/json.h"

namespace guidon {
namespace {

constexpr int kMaxDepth = 16;
constexpr std::size_t kMostInstanceBytes = 64, kMostTextBytes = 256, kMostBroken = 100, kMostFlagBytes = 1'024;
constexpr std::chrono::milliseconds kMostAge = std::chrono::hours(24 * 3'650);

// What one status holds in memory, roughly: with its places in the tables.
std::size_t SizeOf(const ProcessStatus& status) {
  std::size_t size = 512;
  for (const std::string* text : {&status.instance, &status.sdk, &status.sdk_version, &status.application,
                                  &status.version, &status.epoch, &status.digest, &status.source, &status.state}) {
    size += text->size();
  }
  for (const std::string& flag : status.broken) size += sizeof flag + flag.size();
  return size;
}

void Widen(Span& span, std::chrono::milliseconds by, bool is_first) {
  span.least = is_first ? by : std::min(span.least, by);
  span.most = is_first ? by : std::max(span.most, by);
}

void AddTo(SdkGroup& group, const ProcessStatus& said) {
  if (group.processes++ == 0) {
    group.application = said.application;
    group.version = said.version;
    group.sdk = said.sdk;
    group.sdk_version = said.sdk_version;
  }
  if (said.broken.empty()) return;
  ++group.with_broken;
  for (const std::string& flag : said.broken) {
    const auto place = std::lower_bound(group.broken.begin(), group.broken.end(), flag);
    if (place != group.broken.end() && *place == flag) continue;
    if (place == group.broken.end() && group.broken.size() == kMostBrokenNamed) continue;
    group.broken.insert(place, flag);
    if (group.broken.size() > kMostBrokenNamed) group.broken.pop_back();
  }
}

// Reads members and remembers the first fault.
class StatusReader {
 public:
  void Text(const Value* holder, std::string_view name, std::size_t most, std::string& out) {
    const Value* value = Find(holder, name);
    if (value == nullptr) return;
    if (!value->is_string() || value->AsString().size() > most) {
      return Blame(name, "expected text of at most " + std::to_string(most) + " bytes");
    }
    out = value->AsString();
  }
  template <typename Number>
  void Whole(const Value* holder, std::string_view name, Number& out) {
    const Value* value = Find(holder, name);
    if (value == nullptr) return;
    if (!value->is_int() || value->AsInt() < 0) return Blame(name, "expected a whole number from 0");
    out = static_cast<Number>(value->AsInt());
  }
  const Value* Holder(const Value& body, std::string_view name) {
    const Value* value = Find(&body, name);
    if (value != nullptr && !value->is_object()) Blame(name, "expected an object");
    return value;
  }
  void Flags(const Value& body, std::string_view name, std::vector<std::string>& out) {
    const Value* value = Find(&body, name);
    if (value == nullptr) return;
    if (!value->is_array() || value->AsArray().size() > kMostBroken) {
      return Blame(name, "expected a list of at most " + std::to_string(kMostBroken) + " flags");
    }
    for (const Value& flag : value->AsArray()) {
      if (!flag.is_string() || flag.AsString().size() > kMostFlagBytes) return Blame(name, "expected keys of flags");
      out.push_back(flag.AsString());
    }
  }
  void Blame(std::string_view name, std::string_view what) {
    if (fault_.empty()) fault_ = "'" + std::string(name) + "': " + std::string(what);
  }
  const std::string& fault() const { return fault_; }

 private:
  static const Value* Find(const Value* holder, std::string_view name) {
    const Value* value = holder == nullptr ? nullptr : holder->Find(name);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  std::string fault_;
};

}  // namespace

Result<ProcessStatus> ReadStatus(std::string_view json) {
  const Result<Value> body = ParseJson(json, {kMostStatusBytes, kMaxDepth});
  if (!body) return Fail(body.error());
  if (!body->is_object()) return Fail(ErrorCode::kInvalid, "a status is an object with 'instance'");
  ProcessStatus status;
  StatusReader reader;
  reader.Text(&*body, "instance", kMostInstanceBytes, status.instance);
  if (status.instance.empty()) reader.Blame("instance", "missing or empty");
  const Value* sdk = reader.Holder(*body, "sdk");
  reader.Text(sdk, "name", kMostTextBytes, status.sdk);
  reader.Text(sdk, "version", kMostTextBytes, status.sdk_version);
  const Value* application = reader.Holder(*body, "application");
  reader.Text(application, "name", kMostTextBytes, status.application);
  reader.Text(application, "version", kMostTextBytes, status.version);
  reader.Text(&*body, "epoch", kMostTextBytes, status.epoch);
  reader.Whole(&*body, "revision", status.revision);
  reader.Text(&*body, "digest", kMostTextBytes, status.digest);
  reader.Text(&*body, "source", kMostTextBytes, status.source);
  reader.Text(&*body, "state", kMostTextBytes, status.state);
  reader.Whole(&*body, "age_ms", status.age_ms);
  reader.Flags(*body, "broken", status.broken);
  const Value* dropped = reader.Holder(*body, "dropped");
  reader.Whole(dropped, "exposures", status.dropped_exposures);
  reader.Whole(dropped, "track", status.dropped_track);
  reader.Whole(dropped, "batches", status.dropped_batches);
  if (!reader.fault().empty()) return Fail(ErrorCode::kInvalid, "the status cannot be read: " + reader.fault());
  return status;
}

Processes::Processes(ProcessOptions options) : options_(std::move(options)), since_(Now()) {}

std::shared_ptr<const ProcessStatus> Processes::Update(std::string_view project, std::string_view environment,
                                                       ProcessStatus status) {
  std::shared_ptr<const ProcessStatus> said_before;
  Heard heard;
  heard.bytes = SizeOf(status);
  heard.status = std::make_shared<const ProcessStatus>(std::move(status));
  MutexLock lock(mutex_);
  heard.at = Now();
  if (Environment* known = Find(project, environment)) {
    const auto before = known->by_instance.find(heard.status->instance);
    if (before != known->by_instance.end()) {
      said_before = before->second->status;
      Forget(before->second);
    }
  }
  ForgetOld(heard.at);
  const auto scope = Scope(project, environment);
  std::unique_ptr<Environment>& held = environments_[scope];
  if (!held) held = std::make_unique<Environment>(Environment{scope, {}, {}});
  heard.environment = held.get();
  const ProcessStatus& said = *heard.status;
  bytes_ += heard.bytes;
  ++held->groups[{{said.application, said.version}, {said.epoch, said.revision}}];
  held->by_instance[said.instance] = order_.insert(order_.end(), std::move(heard));
  while (order_.size() > options_.most || (order_.size() > 1 && bytes_ > options_.most_bytes)) Forget(order_.begin());
  return said_before;
}

ProcessSummary Processes::Summarise(std::string_view project, std::string_view environment,
                                    const std::pair<std::string, std::uint64_t>& epoch_and_revision) {
  MutexLock lock(mutex_);
  ForgetOld(Now());
  ProcessSummary summary;
  const Environment* held = Find(project, environment);
  if (held == nullptr) return summary;
  summary.live = held->by_instance.size();
  for (const auto& [key, count] : held->groups) {
    const auto& [epoch, revision] = key.second;
    summary.groups.push_back({key.first.first, key.first.second, epoch, revision, count});
    if (epoch == epoch_and_revision.first && revision >= epoch_and_revision.second) summary.at_least += count;
  }
  return summary;
}

Propagation Processes::HowFar(std::string_view project, std::string_view environment,
                              const std::pair<std::string, std::uint64_t>& epoch_and_revision,
                              const std::optional<std::string>& version) {
  Propagation propagation;
  // Grouped outside the lock, which /metrics takes on an I/O thread: there may be 100 000.
  std::vector<std::pair<std::shared_ptr<const ProcessStatus>, TimePoint>> live;
  TimePoint now;
  {
    MutexLock lock(mutex_);
    now = Now();
    ForgetOld(now);
    propagation.observed = std::chrono::duration_cast<std::chrono::milliseconds>(now - since_);
    const Environment* held = Find(project, environment);
    if (held == nullptr) return propagation;
    for (const auto& [instance, heard] : held->by_instance) {
      if (!version || heard->status->version == *version) live.emplace_back(heard->status, heard->at);
    }
  }
  propagation.live = live.size();
  std::map<GroupKey, Laggards> laggards;
  std::map<std::array<std::string_view, 4>, SdkGroup> sdks;
  for (const auto& [status, heard_at] : live) {
    const ProcessStatus& said = *status;
    AddTo(sdks[{said.application, said.version, said.sdk, said.sdk_version}], said);
    if (said.epoch == epoch_and_revision.first && said.revision >= epoch_and_revision.second) {
      ++propagation.holding;
      continue;
    }
    Laggards& group = laggards[{{said.application, said.version}, {said.epoch, said.revision}}];
    const auto ago = std::chrono::duration_cast<std::chrono::milliseconds>(now - heard_at);
    const bool is_first = group.processes++ == 0;
    Widen(group.heard_ago, ago, is_first);
    Widen(group.confirmed_ago, ago + std::min(std::chrono::milliseconds(said.age_ms), kMostAge), is_first);
  }
  for (auto& [key, group] : laggards) {
    std::tie(group.application, group.version) = key.first;
    std::tie(group.epoch, group.revision) = key.second;
    propagation.laggards.push_back(std::move(group));
  }
  std::stable_sort(propagation.laggards.begin(), propagation.laggards.end(),
                   [](const Laggards& a, const Laggards& b) { return a.processes > b.processes; });
  for (auto& [key, group] : sdks) propagation.sdks.push_back(std::move(group));
  std::stable_sort(propagation.sdks.begin(), propagation.sdks.end(), [](const SdkGroup& a, const SdkGroup& b) {
    return std::pair(a.with_broken, a.processes) > std::pair(b.with_broken, b.processes);
  });
  return propagation;
}

ProcessPage Processes::List(std::string_view project, std::string_view environment, std::string_view after,
                            std::size_t limit) {
  MutexLock lock(mutex_);
  const TimePoint now = Now();
  ForgetOld(now);
  ProcessPage page;
  const Environment* held = Find(project, environment);
  if (held == nullptr) return page;
  std::vector<Order::iterator> later;
  for (const auto& [instance, heard] : held->by_instance) {
    if (instance > after) later.push_back(heard);
  }
  const std::size_t taken = std::min(limit, later.size());
  std::partial_sort(later.begin(), later.begin() + static_cast<std::ptrdiff_t>(taken), later.end(),
                    [](const auto& a, const auto& b) { return a->status->instance < b->status->instance; });
  page.more = taken < later.size();
  for (std::size_t i = 0; i < taken; ++i) {
    page.processes.push_back(
        {later[i]->status, std::chrono::duration_cast<std::chrono::milliseconds>(now - later[i]->at)});
  }
  return page;
}

std::vector<Processes::Count> Processes::Counts() {
  MutexLock lock(mutex_);
  ForgetOld(Now());
  std::vector<Count> counts;
  for (const auto& [scope, held] : environments_) {
    counts.push_back({scope.first, scope.second, held->by_instance.size()});
  }
  return counts;
}

Processes::TimePoint Processes::Now() const {
  return options_.clock ? options_.clock() : std::chrono::steady_clock::now();
}

void Processes::ForgetOld(TimePoint now) {
  while (!order_.empty() && now - order_.front().at > options_.fresh) Forget(order_.begin());
}

// An environment of which nothing is left goes, too.
void Processes::Forget(Order::iterator heard) {
  Environment& environment = *heard->environment;
  const ProcessStatus& said = *heard->status;
  const auto group = environment.groups.find({{said.application, said.version}, {said.epoch, said.revision}});
  if (--group->second == 0) environment.groups.erase(group);
  environment.by_instance.erase(said.instance);
  bytes_ -= heard->bytes;
  if (environment.by_instance.empty()) environments_.erase(Scope(environment.scope));
  order_.erase(heard);
}

Processes::Environment* Processes::Find(std::string_view project, std::string_view environment) {
  const auto found = environments_.find(Scope(project, environment));
  return found == environments_.end() ? nullptr : found->second.get();
}

}  // namespace guidon
