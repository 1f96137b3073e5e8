#include "server/analysis/looks.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <utility>

#include "core/base/json.h"
#include "core/codec/codec.h"
#include "server/analysis/silence.h"
#include "stats/report/planning.h"

namespace guidon {
namespace {

constexpr std::string_view kLookPrefix = "!look/";
constexpr std::size_t kKeysAtOnce = 1'000;  // that are removed in one transaction

std::string PrefixOf(const IterationOf& of) {
  return std::string(kLookPrefix) + of.project + "/" + of.environment + "/" + of.experiment + "/" +
         std::to_string(of.iteration) + "/";
}

std::string KeyOf(const IterationOf& of, std::uint32_t number) {
  std::array<char, 16> digits;
  std::snprintf(digits.data(), digits.size(), "%010u", number);
  return PrefixOf(of) + digits.data();
}

// Puts it where there is nothing yet. False: there is something.
Result<bool> PutOnce(Store& store, const std::string& key, const Value& value) {
  Txn txn;
  txn.compares = {TxnCompare::Absent(key)};
  txn.ops = {TxnOp::Put(key, guidon::ToJson(value))};
  const Result<TxnResult> result = store.Commit(std::move(txn));
  if (!result) return Fail(result.error());
  return result->outcome == TxnOutcome::kCommitted;
}

// When the look that is due at `now`, if any, came due: the last whole interval, or when the final one could be taken.
// One that waits beyond that for outcomes (stats::HasEnoughToSee) counts those as in that were folded.
stats::Time DueSince(const stats::Design& design, const stats::Facts& facts, stats::Time now) {
  const stats::Progress progress = stats::ProgressOf(design, facts, now);
  if (progress.at_end) return std::min(now, *progress.settled);
  return design.plan.started + stats::LookEvery(design) * stats::LookIntervals(design, now);
}

// Whether there is anything to look at, and all of it is there.
bool IsWhole(const stats::Design& design, const stats::Facts& facts, stats::Time now) {
  if (facts.totals == nullptr || facts.quality.rebuilding || !facts.quality.folded_to) return false;
  if (design.plan.started == stats::Time{} || now < design.plan.started) return false;
  if (*facts.quality.folded_to < DueSince(design, facts, now)) return false;
  std::uint64_t units = 0;
  for (std::uint32_t v = 0; v < design.plan.variants.size(); ++v) units += facts.totals->Units(v).units;
  return units > 0;
}

}  // namespace

Result<bool> Looks::IsOf(const IterationOf& iteration) const {
  if (iteration.started_ms == 0) return true;
  const Result<std::optional<KeyValue>> started = store_.Get(PrefixOf(iteration) + "started");
  if (!started) return Fail(started.error());
  // Nothing, where nothing is stored or an older server did it.
  return !*started || (*started)->value == std::to_string(iteration.started_ms);
}

Status Looks::Begin(const IterationOf& iteration) {
  if (iteration.started_ms == 0) return {};
  const std::string prefix = PrefixOf(iteration), key = prefix + "started", mark = std::to_string(iteration.started_ms);
  const Result<std::optional<KeyValue>> started = store_.Get(key);
  if (!started) return Fail(started.error());
  if (*started && (*started)->value == mark) return {};
  if (*started) {
    // The mark is the last key of them, so that after a kill this is done again.
    if (Status removed = Remove(prefix, key); !removed) return removed;
  }
  Txn txn;
  txn.ops = {TxnOp::Put(key, mark)};
  const Result<TxnResult> written = store_.Commit(std::move(txn));
  return written ? Status() : Fail(written.error());
}

Status Looks::Keep(const IterationOf& iteration, const Experiment& experiment) {
  if (Status begun = Begin(iteration); !begun) return begun;
  const std::string key = PrefixOf(iteration) + "definition";
  const Result<std::optional<KeyValue>> kept = store_.Get(key);
  if (!kept) return Fail(kept.error());
  if (*kept) return {};
  const Result<bool> put = PutOnce(store_, key, EncodeExperiment(experiment));
  return put ? Status() : Fail(put.error());
}

Result<std::optional<Experiment>> Looks::Kept(const IterationOf& iteration) const {
  const std::string key = PrefixOf(iteration) + "definition";
  const Result<bool> is_of_it = IsOf(iteration);
  if (!is_of_it) return Fail(is_of_it.error());
  if (!*is_of_it) return std::optional<Experiment>();
  const Result<std::optional<KeyValue>> kept = store_.Get(key);
  if (!kept) return Fail(kept.error());
  if (!*kept) return std::optional<Experiment>();
  const Result<Value> value = ParseJson((*kept)->value);
  Result<Experiment> experiment = value ? DecodeExperiment(*value, Strictness::kTolerant) : Fail(value.error());
  if (!experiment) return Fail(ErrorCode::kCorrupt, "what is stored under '" + key + "' is no experiment");
  return std::optional<Experiment>(*std::move(experiment));
}

Result<Published> Looks::Read(const IterationOf& iteration, stats::Design design) const {
  Published published{std::move(design), {}};
  const Result<bool> is_of_it = IsOf(iteration);
  if (!is_of_it) return Fail(is_of_it.error());
  if (!*is_of_it) return published;
  const std::string prefix = PrefixOf(iteration);
  const Result<RangeResult> range = store_.Range(RangeQuery::Prefix(prefix));
  if (!range) return Fail(range.error());
  const auto cannot_read = [&](const std::string& key, const std::string& why) {
    published.unread.push_back("What is stored under '" + key + "' cannot be read: " + why + ".");
  };
  for (const KeyValue& entry : range->entries) {
    if (entry.key == prefix + "definition" || entry.key == prefix + "started") continue;
    const Result<Value> value = ParseJson(entry.value);
    if (!value) {
      cannot_read(entry.key, "it is no JSON");
    } else if (entry.key == prefix + "size") {
      const Value* units = value->Find("planned_units");
      if (units == nullptr || !units->is_number()) {
        cannot_read(entry.key, "it is no size");
      } else {
        published.design.planned_units = units->AsDouble();
      }
    } else if (Result<stats::PublishedLook> look = stats::ReadLook(*value, published.design.plan); look) {
      published.looks.push_back(*std::move(look));
    } else {
      cannot_read(entry.key, look.error().message);
    }
  }
  return published;
}

Result<Published> Looks::TakeDue(const IterationOf& iteration, stats::Design design, const stats::Facts& facts,
                                 stats::Time now) {
  MutexLock lock(taking_);
  Result<Published> published = Read(iteration, std::move(design));
  if (!published || !published->unread.empty() || !IsWhole(published->design, facts, now)) return published;
  if (Status begun = Begin(iteration); !begun) return Fail(begun.error());
  if (published->looks.empty()) {
    if (const std::optional<double> size = stats::FindSize(published->design, facts, now)) {
      const Value record = Object{{"planned_units", Value(*size)}};
      const Result<bool> put = PutOnce(store_, PrefixOf(iteration) + "size", record);
      if (!put) return Fail(put.error());
      published->design.planned_units = size;
      if (!IsWhole(published->design, facts, now)) return published;  // the end may have come with the size
    }
  }
  const auto due = stats::DueLook(published->design, facts, published->looks, now);
  if (!due) return published;
  const Result<bool> put = PutOnce(store_, KeyOf(iteration, due->number), stats::ToJson(*due, published->design.plan));
  if (!put) return Fail(put.error());
  // Of another process that was faster, or what was just written: what is stored counts.
  return Read(iteration, std::move(published->design));
}

Status Looks::RemoveGone(const IsThere& is_there) {
  if (Status removed = RemoveGone(kLookPrefix, is_there); !removed) return removed;
  return RemoveGone(kSilencePrefix, is_there);
}

Status Looks::RemoveGone(std::string_view prefix, const IsThere& is_there) {
  RangeQuery query = RangeQuery::Prefix(std::string(prefix));
  query.keys_only = true;
  query.limit = 1;  // from one experiment to the next
  for (;;) {
    const Result<RangeResult> range = store_.Range(query);
    if (!range) return Fail(range.error());
    if (range->entries.empty()) return {};
    const std::string& key = range->entries.front().key;
    const std::size_t environment = key.find('/', prefix.size());
    const std::size_t experiment =
        environment == std::string::npos ? std::string::npos : key.find('/', environment + 1);
    if (experiment == std::string::npos) {  // none of these
      query.begin = key + '\0';
      continue;
    }
    const std::size_t end = std::min(key.find('/', experiment + 1), key.size());
    // The first that is not of this name: '0' follows the slash.
    const std::string after = key.substr(0, end) + (end == key.size() ? '\0' : '0');
    if (!is_there(key.substr(prefix.size(), environment - prefix.size()),
                  key.substr(experiment + 1, end - experiment - 1))) {
      if (Status removed = Remove(key, after); !removed) return removed;
    }
    query.begin = after;
  }
}

Status Looks::Remove(std::string begin, const std::string& end) {
  RangeQuery range;
  range.begin = std::move(begin);
  range.end = end;
  range.limit = kKeysAtOnce;
  return RemoveKeys(store_, std::move(range), [this](std::vector<TxnOp> ops) -> Status {
    Txn txn;
    txn.ops = std::move(ops);
    const Result<TxnResult> removed = store_.Commit(std::move(txn));
    return removed ? Status() : Fail(removed.error());
  });
}

}  // namespace guidon
