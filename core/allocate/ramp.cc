#include "core/allocate/ramp.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "core/model/names.h"

namespace guidon {
namespace {

using std::chrono::milliseconds;

constexpr std::array kMoves = {RampMove::kStep, RampMove::kPause, RampMove::kResume, RampMove::kAbort,
                               RampMove::kFinish};

const RampStep* StepInForce(const Ramp& ramp, const RampState& state) {
  const RampStep* in_force = nullptr;
  for (const RampStep& step : ramp.steps) {
    if (step.at <= state.at) in_force = &step;
  }
  return in_force;
}

// A clock that was set back, or a ramp that has stood for ages, must not make a record that nobody can read.
milliseconds Elapsed(std::int64_t since_ms, std::int64_t now_ms) {
  constexpr milliseconds kMost = std::chrono::days(kMaxDurationDays);
  return std::clamp(milliseconds(now_ms - since_ms), milliseconds(0), kMost);
}

// Its hold begins anew.
void ComeTo(RampState& state, std::uint32_t share) {
  state.at = share;
  state.since_ms.reset();
  state.held = milliseconds(0);
}

bool Counts(const FlagDefinition& flag, const Targeting& targeting, const RampState& state) {
  return targeting.enabled && !flag.archived && !state.paused;
}

const Rule* FindRule(const FlagRecord* record, std::string_view environment, std::string_view id) {
  const Targeting* targeting = record == nullptr ? nullptr : record->definition.FindEnvironment(environment);
  if (targeting == nullptr) return nullptr;
  for (const Rule& rule : targeting->rules) {
    if (rule.id == id) return &rule;
  }
  return nullptr;
}

RampState AllocateRamp(const FlagRecord* before, const FlagRecord& record, std::string_view environment,
                       const Rule& rule, std::int64_t now_ms) {
  const Ramp& ramp = *rule.ramp;
  const Rule* old = FindRule(before, environment, rule.id);
  const bool goes_on = old != nullptr && old->serve == rule.serve && old->by == rule.by;
  const RampState* held = record.state.FindRamp(environment, rule.id);
  RampState state{std::string(environment), rule.id};
  if (goes_on && old->ramp && held != nullptr) {
    state = *held;
  } else {
    if (!ramp.start_ms || *ramp.start_ms <= now_ms) state.at = ramp.steps.front().at;
    if (goes_on) state.at = std::max(state.at, old->rollout.value_or(0));
  }
  state.at = std::min(state.at, ramp.steps.back().at);
  return state;
}

}  // namespace

void SettleHold(std::optional<std::int64_t>& since_ms, milliseconds& held, bool counts, std::int64_t now_ms) {
  if (counts && !since_ms) {
    since_ms = now_ms - held.count();
    held = milliseconds(0);
  } else if (!counts && since_ms) {
    held = Elapsed(*since_ms, now_ms);
    since_ms.reset();
  }
}

std::string_view ToString(RampMove move) {
  constexpr std::string_view kWords[] = {"step", "pause", "resume", "abort", "finish"};
  return kWords[static_cast<std::size_t>(move)];
}

std::optional<RampMove> RampMoveFromString(std::string_view word) {
  const auto move = std::find_if(kMoves.begin(), kMoves.end(), [&](RampMove known) { return ToString(known) == word; });
  return move == kMoves.end() ? std::nullopt : std::optional(*move);
}

const RampStep* NextStep(const Ramp& ramp, const RampState& state) {
  const auto next =
      std::find_if(ramp.steps.begin(), ramp.steps.end(), [&](const RampStep& step) { return step.at > state.at; });
  return next == ramp.steps.end() ? nullptr : &*next;
}

std::optional<std::int64_t> NextStepDue(const Ramp& ramp, const RampState& state) {
  if (!state.since_ms || NextStep(ramp, state) == nullptr) return std::nullopt;
  const RampStep* in_force = StepInForce(ramp, state);
  const milliseconds hold = in_force == nullptr ? milliseconds(0) : in_force->hold.value_or(milliseconds(0));
  return std::max(*state.since_ms + hold.count(), ramp.start_ms.value_or(*state.since_ms));
}

Result<const Rule*> FindRampedRule(const FlagDefinition& flag, std::string_view environment, std::string_view id) {
  static const std::vector<Rule> kNone;
  const Targeting* targeting = flag.FindEnvironment(environment);
  std::vector<const Rule*> ramped;
  for (const Rule& rule : targeting == nullptr ? kNone : targeting->rules) {
    if (!rule.ramp) continue;
    if (rule.id == id) return &rule;
    ramped.push_back(&rule);
  }
  if (id.empty() && ramped.size() == 1) return ramped.front();
  std::string known;
  for (const Rule* rule : ramped) known += (known.empty() ? "'" : ", '") + rule->id + "'";
  const std::string where = "flag '" + flag.key + "' has ";
  const std::string in = " in '" + std::string(environment) + "'";
  if (known.empty()) return Fail(ErrorCode::kNotFound, where + "no rule with a ramp" + in);
  if (id.empty()) return Fail(ErrorCode::kNotFound, where + "more than one ramp" + in + "; name the rule: " + known);
  return Fail(ErrorCode::kNotFound, where + "no ramp on a rule '" + std::string(id) + "'" + in + "; there is " + known);
}

Status MoveRamp(FlagRecord& record, std::string_view environment, std::string_view rule, RampMove move,
                std::int64_t now_ms) {
  const Result<const Rule*> found = FindRampedRule(record.definition, environment, rule);
  if (!found) return Fail(found.error());
  const Ramp& ramp = *(*found)->ramp;
  const auto held = std::find_if(record.state.ramps.begin(), record.state.ramps.end(), [&](const RampState& state) {
    return state.environment == environment && state.rule == (*found)->id;
  });
  if (held == record.state.ramps.end()) {
    return Fail(ErrorCode::kInternal, "the ramp of rule '" + (*found)->id + "' stands nowhere");
  }
  RampState& state = *held;
  const std::string name = "the ramp of rule '" + (*found)->id + "'";
  const RampStep* next = NextStep(ramp, state);
  switch (move) {
    case RampMove::kStep: {
      const std::optional<std::int64_t> due = NextStepDue(ramp, state);
      if (!due || *due > now_ms) return Fail(ErrorCode::kConflict, name + " has no step that is due");
      ComeTo(state, next->at);
      break;
    }
    case RampMove::kPause:
    case RampMove::kResume:
      if (next == nullptr) {
        return Fail(ErrorCode::kConflict, name + " has come to its end: there is nothing to " +
                                              std::string(ToString(move)) + "; `abort` takes it back to nobody");
      }
      state.paused = move == RampMove::kPause;
      break;
    case RampMove::kAbort:
      if (state.at > 0) ComeTo(state, 0);
      state.paused = true;
      break;
    case RampMove::kFinish:
      if (next != nullptr) ComeTo(state, ramp.steps.back().at);
      state.paused = false;
      break;
  }
  const bool counts = Counts(record.definition, *record.definition.FindEnvironment(environment), state);
  SettleHold(state.since_ms, state.held, counts, now_ms);
  return {};
}

void AllocateRamps(const FlagRecord* before, FlagRecord& record, std::int64_t now_ms) {
  std::vector<RampState> ramps;
  for (const Targeting& targeting : record.definition.environments) {
    for (const Rule& rule : targeting.rules) {
      if (!rule.ramp) continue;
      RampState& state = ramps.emplace_back(AllocateRamp(before, record, targeting.environment, rule, now_ms));
      SettleHold(state.since_ms, state.held, Counts(record.definition, targeting, state), now_ms);
    }
  }
  record.state.ramps = std::move(ramps);
}

}  // namespace guidon
