#include "gate/rules.h"

#include <algorithm>
#include <array>

#include "core/base/issue.h"

namespace guidon::gate {
namespace {

constexpr std::array kRules = {
    // ---- static: the files alone ------------------------------------------------------------------------------------
    PolicyRule{
        "static.definitions", Severity::kFail, "Are the definitions valid?",
        "What `guidon validate` calls an error; a server would refuse it. docs/spec/validation.md says what to do for "
        "each code."},
    PolicyRule{"static.warnings", Severity::kWarn, "Do the definitions say what was meant?",
               "What `guidon validate` warns of: it works, and is probably not what was meant."},
    PolicyRule{
        "static.test", Severity::kFail, "Do the tests of flags and experiments pass?",
        "A test of the workspace gets another answer than it expects. Change the test, or what it tests; `guidon test` "
        "says what led to the answer."},
    PolicyRule{"static.naming", Severity::kFail, "Are keys named as the policy wants it?",
               "A key does not match the policy's pattern for its kind. Keys never change: name it anew before it is "
               "applied."},
    PolicyRule{"static.owner", Severity::kWarn, "Can somebody be asked about each flag and experiment?",
               "It has no owner, or one that the policy does not know."},
    PolicyRule{"static.expiry", Severity::kWarn, "Are flags removed when their time is over?",
               "The day in `expires` is over, or near. Remove the flag (`guidon remove`), or move the day."},
    PolicyRule{
        "static.personal-data", Severity::kFail, "Is nobody's treatment decided by data that must not decide it?",
        "A condition, a split or an experiment looks at an attribute that the policy forbids. Use another attribute, "
        "or a segment that is kept elsewhere."},
    PolicyRule{"static.regex-cost", Severity::kFail, "Is every regular expression cheap enough?",
               "The compiled expression is larger than the policy allows, and is looked at in each evaluation. Write "
               "`starts_with`, `in` or a simpler expression."},
    PolicyRule{
        "static.constant-flag", Severity::kNote, "Does every flag still decide something?",
        "A release flag serves one and the same variation to everybody in all environments. If that stays so, remove "
        "it from the code (`guidon remove`)."},
    PolicyRule{"static.waiver", Severity::kWarn, "Are all waivers still needed?",
               "A waiver has ended, or nothing breaks the rule that it waives. Remove it, or mend what it hides."},
    // ---- change: against the server, or a snapshot ------------------------------------------------------------------
    PolicyRule{"change.refused", Severity::kFail, "Would the server take the change?",
               "The server refuses the change as it stands; nothing of it would be applied."},
    PolicyRule{"change.conflict", Severity::kFail, "Was nothing changed elsewhere at the same time?",
               "What the files change was changed on the server, too. Take the server's version into the files first."},
    PolicyRule{
        "change.experiment", Severity::kFail, "Are running experiments left as they are?",
        "An edit of unit, salt, variants, weights, primary metric or plan of an experiment that runs. Stop it first, "
        "and start a new iteration."},
    PolicyRule{
        "change.moves", Severity::kFail, "Do few enough units change what they see?",
        "A larger share of the buckets of one split or experiment changes variation than the policy allows. Change the "
        "weights in smaller steps."},
    PolicyRule{
        "change.attributes", Severity::kNote, "Is it known whom the change moves?",
        "Conditions, segments or targets change, so that no share of buckets says who moves. Give `--contexts` to "
        "count it."},
    PolicyRule{"change.jump", Severity::kFail, "Does no rollout grow by too much at once?",
               "A rollout grows by more than the policy allows. Take a step between, or a `ramp`."},
    PolicyRule{
        "change.approval", Severity::kFail, "Is what alters protected environments approved?",
        "The change alters a protected environment, and no change request of it is approved, or its approvals are of "
        "an older version."},
    PolicyRule{
        "change.protected-flag", Severity::kFail, "Is what alters protected flags approved?",
        "The change alters a flag that the policy protects (`flags`), and no change request that somebody else has "
        "approved does the same. Open one, and have it approved."},
    PolicyRule{
        "change.prerequisite", Severity::kFail, "Is what flags require there, and enabled?",
        "A flag requires one that is not enabled in this environment, so that everybody is served `off`. Enable the "
        "other one there first."},
    // ---- code: what reads the flags ---------------------------------------------------------------------------------
    PolicyRule{
        "code.unknown-flag", Severity::kFail, "Is every flag that the code reads there?",
        "The code names a flag that the environment does not have; it gets its fallback for ever. Mend the key, or "
        "define the flag."},
    PolicyRule{"code.type", Severity::kFail, "Does the code read flags as what they are?",
               "The code reads a flag as another type than it has; it gets its fallback for ever."},
    PolicyRule{"code.no-targeting", Severity::kWarn, "Does the environment serve every flag that the code reads?",
               "The flag is no boolean and has no targeting in this environment, so that the code gets its fallback "
               "there, for ever. Say in its `environments` what the environment gets."},
    PolicyRule{"code.archived-flag", Severity::kFail, "Does no code read archived flags?",
               "The code reads a flag that is archived; it gets its fallback for ever. Remove the read."},
    PolicyRule{"code.expired-flag", Severity::kWarn, "Does no code read flags whose time is over?",
               "The code reads a flag whose day in `expires` is over. `guidon remove` shows how to take it out."},
    PolicyRule{
        "code.unused-flag", Severity::kWarn, "Is every flag read somewhere?",
        "No code names the flag. Archive it, or tell the gate where else it is read (`--code`, more than once)."},
    PolicyRule{
        "code.unsafe-default", Severity::kWarn, "Is the fallback in the code what the flag serves when it is off?",
        "The code's fallback differs from what the flag serves while it is off: who cannot reach the server sees "
        "something else than who can."},
    PolicyRule{
        "code.settled-flag", Severity::kNote, "Does the code read no flag that is settled?",
        "By the counts of the SDKs the flag has served one variation alone for many days, and the code still reads it. "
        "Remove it from the code (`guidon stale`, `guidon remove`)."},
    // ---- live: the state of the environment -------------------------------------------------------------------------
    PolicyRule{
        "live.state", Severity::kFail, "Are flags on the server as the policy demands it?",
        "The policy demands a state of a flag (`demands`), and the server has another one, or has had it for too "
        "short a time. Change the flag there, or the demand."},
    PolicyRule{"live.kill-switch", Severity::kFail, "Is nothing switched off by hand?",
               "A flag was switched off on the server: a kill switch, in an emergency, or while the files have it "
               "enabled. See why before anything is released on top of it."},
    PolicyRule{
        "live.ramp", Severity::kFail, "Has every ramp come as far as it should?",
        "A ramp was aborted, or is paused, held back, or below what the policy demands (`at_least`): then the gate "
        "holds."},
    PolicyRule{"live.change-request", Severity::kWarn, "Is no change under way that would alter the environment?",
               "A change request that is not closed would alter it: what is released now may be altered by it later."},
    PolicyRule{"live.freeze", Severity::kFail, "Is it a time for releases?",
               "The policy has a freeze window now. Wait for its end, or waive the rule with a reason."},
    PolicyRule{
        "live.guardrail", Severity::kFail, "Does no experiment do harm?",
        "A guardrail of a running experiment is shown to be worse than its margin allows, or the server has paused "
        "or rolled back an experiment for it."},
    PolicyRule{
        "live.sample-ratio", Severity::kFail, "Are units split as planned?",
        "The arms of a running experiment do not have the units that they should: its results cannot be believed."},
    PolicyRule{
        "live.evidence", Severity::kFail, "Is enough known of running experiments?",
        "A guardrail is not known to hold yet, or an experiment has not run for the least number of days of its plan "
        "or of the policy, or has fewer units than the policy wants."},
    // ---- delivery: the processes that use the environment -----------------------------------------------------------
    PolicyRule{"delivery.share", Severity::kFail, "Do enough processes hold the revision?",
               "Fewer live processes hold the revision than are wanted, or too few are live: the gate holds. `guidon "
               "propagation` shows who lags behind."},
    PolicyRule{
        "delivery.old-sdk", Severity::kFail, "Can every SDK in use evaluate the flags?",
        "A live process says that its SDK cannot evaluate flags of the environment, or the SDK is older than the "
        "policy allows, or than what the change begins to use. Update it there."},
};

}  // namespace

std::span<const PolicyRule> Rules() {
  return kRules;
}

const PolicyRule* FindRule(std::string_view id) {
  const auto found = std::find_if(kRules.begin(), kRules.end(), [&](const PolicyRule& rule) { return rule.id == id; });
  return found == kRules.end() ? nullptr : &*found;
}

std::string DidYouMeanRule(std::string_view id) {
  std::vector<std::string> ids;
  ids.reserve(kRules.size());
  for (const PolicyRule& rule : kRules) ids.emplace_back(rule.id);
  return DidYouMean(id, ids);
}

}  // namespace guidon::gate
