#include "server/analysis/silence.h"

#include <algorithm>
#include <utility>

#include "core/base/json.h"

namespace guidon {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kKeptEvery = std::chrono::minutes(5);

std::optional<std::int64_t> NumberOf(const Value& value, std::string_view name) {
  const Value* number = value.Find(name);
  if (number == nullptr || !number->is_int() || number->AsInt() < 0) return std::nullopt;
  return number->AsInt();
}

}  // namespace

Result<Silence> Silences::Look(const IterationOf& of, const TrafficSeen& seen, milliseconds bound) {
  const std::string key = std::string(kSilencePrefix) + of.project + "/" + of.environment + "/" + of.experiment;
  auto found = watched_.find(key);
  Watched watched;
  bool is_damaged = false;
  if (found != watched_.end()) {
    watched = found->second;
  } else {
    Result<std::optional<Held>> stored = Read(key);
    is_damaged = !stored && stored.error().code == ErrorCode::kCorrupt;
    if (!stored && !is_damaged) return Fail(stored.error());
    if (is_damaged && report_) report_(stored.error().message + "; it begins anew");
    if (stored) watched.stored = *stored;
    // Nobody could have been seen while the server was down.
    watched.known_ms = seen.now_ms;
    if (watched.stored) watched.held = *watched.stored;
  }
  Held& held = watched.held;
  const bool is_new = held.iteration != of.iteration;
  const bool has_come = seen.units > (is_new ? 0 : held.units);
  if (is_new || has_come || !seen.is_open || held.silence.since_ms < seen.begin_ms) {
    const bool is_since_begin = !has_come && seen.is_open && seen.begin_ms > 0;
    held = {of.iteration, seen.units, {is_since_begin ? seen.begin_ms : seen.now_ms, milliseconds(0)}};
  } else {
    held.units = seen.units;  // fewer: some were erased
    held.silence.lasts += milliseconds(std::max<std::int64_t>(0, seen.known_ms - watched.known_ms));
  }
  watched.known_ms = std::max(watched.known_ms, seen.known_ms);

  const std::optional<Held>& stored = watched.stored;
  const bool is_stored = stored && stored->iteration == held.iteration && stored->units == held.units &&
                         stored->silence.since_ms == held.silence.since_ms;
  const milliseconds unsaid = held.silence.lasts - (is_stored ? stored->silence.lasts : milliseconds(0));
  // What a restart would take for this silence, and is another one.
  const bool misleads = stored && stored->iteration == held.iteration && stored->units == held.units && !is_stored &&
                        stored->silence.lasts > milliseconds(0);
  const bool is_due = held.silence.lasts >= bound && (!is_stored || stored->silence.lasts < bound);
  if (unsaid >= kKeptEvery || misleads || is_due || is_damaged) {
    if (Status written = Write(key, watched); !written) return Fail(written.error());
  }
  const Silence silence = held.silence;
  watched_.insert_or_assign(key, std::move(watched));
  return silence;
}

Result<std::optional<Silences::Held>> Silences::Read(const std::string& key) const {
  const Result<std::optional<KeyValue>> entry = store_.Get(key);
  if (!entry) return Fail(entry.error());
  if (!*entry) return std::optional<Held>();
  const Result<Value> value = ParseJson((*entry)->value);
  const auto number = [&](std::string_view name) {
    return value ? NumberOf(*value, name) : std::optional<std::int64_t>();
  };
  const auto iteration = number("iteration"), units = number("units"), since = number("since"), lasts = number("lasts");
  if (!iteration || !units || !since || !lasts) {
    return Fail(ErrorCode::kCorrupt, "what is stored under '" + key + "' is no silence of an experiment");
  }
  return std::optional<Held>(
      Held{static_cast<std::uint32_t>(*iteration), static_cast<std::uint64_t>(*units), {*since, milliseconds(*lasts)}});
}

Status Silences::Write(const std::string& key, Watched& watched) {
  const Held& held = watched.held;
  Txn txn;
  txn.ops = {TxnOp::Put(key, ToJson(Value(Object{{"iteration", Value(held.iteration)},
                                                 {"units", Value(held.units)},
                                                 {"since", Value(held.silence.since_ms)},
                                                 {"lasts", Value(held.silence.lasts.count())}})))};
  const Result<TxnResult> written = store_.Commit(std::move(txn));
  if (!written) return Fail(written.error());
  watched.stored = held;
  return {};
}

}  // namespace guidon
