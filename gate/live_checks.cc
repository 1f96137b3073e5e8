#include "gate/live_checks.h"

#include <algorithm>
#include <cmath>

#include "core/base/json_record.h"
#include "core/base/text.h"
#include "core/model/units.h"
#include "gate/live_state.h"

namespace guidon::gate {
namespace {

constexpr std::string_view kServer = "system:experiment";  // who acts on what was found

// "3.2", never more than it is.
std::string DaysText(double days) {
  const auto tenths = static_cast<std::int64_t>(std::floor(days * 10));
  return std::to_string(tenths / 10) + (tenths % 10 == 0 ? "" : "." + std::to_string(tenths % 10));
}

std::string Reached(const std::string& what, const std::string& wanted) {
  return what + "; " + wanted + " are wanted";
}

// "2027-03-31T08:00:00.000Z" -> "2027-03-31 08:00 UTC"; any other text as it is
std::string MomentOf(const std::string& text) {
  const std::optional<std::int64_t> moment = ParseTimestamp(text);
  return moment ? MomentText(*moment, true) : text;
}

// What a request waits for.
std::string WaitOf(const Value& request) {
  const std::string state = TextOf(request, "state");
  if (state == "approved") return "it is approved, and waits to be applied";
  if (state == "scheduled") return "it is applied at " + MomentOf(TextOf(request, "apply_at"));
  if (state == "stale") return "it is stale, and waits to be rebased";
  std::int64_t given = 0;
  for (const Value& approval : ListIn(request, "approvals")) {
    const Value* counts = approval.Find("counts");
    if (NumberOf(approval, "version") == NumberOf(request, "version") && (counts == nullptr || counts->AsBool())) {
      ++given;
    }
  }
  return "it has " + std::to_string(given) + " of " +
         Plural(static_cast<std::size_t>(CountOf(request, "required_approvals")), "approval");
}

}  // namespace

std::vector<Finding> CheckReport(const std::string& experiment, const Value& report, const Policy& policy,
                                 bool wants_evidence) {
  std::vector<Finding> findings;
  const std::string subject = "experiment " + experiment, owner = TextOf(report, "owner");
  const auto add = [&](std::string_view rule, Severity severity, std::string message, std::string fix) {
    findings.push_back({std::string(rule), severity, subject, owner, {}, std::move(message), std::move(fix)});
  };
  const std::string look = "`guidon experiment report " + experiment + "` has the numbers";
  for (const Value& gate : ListIn(report, "gates")) {
    const std::string id = TextOf(gate, "id"), light = TextOf(gate, "light");
    const bool is_awaited =
        (id == "rebuilding" && light == "red") || ((id == "minimum_events" || id == "freshness") && light != "green");
    if (is_awaited) {
      if (wants_evidence) add("live.evidence", Severity::kHold, TextOf(gate, "sentence"), "");
    } else if (light == "red") {
      add("live.sample-ratio", Severity::kFail, TextOf(gate, "sentence"), look);
    }
  }
  bool is_harmed = false;
  for (const Value& metric : ListIn(report, "metrics")) {
    if (TextOf(metric, "role") != "guardrail") continue;
    const std::string verdict = TextOf(metric, "verdict"), name = "guardrail " + TextOf(metric, "metric");
    if (verdict == "harmed") {
      is_harmed = true;
      add("live.guardrail", Severity::kFail, name + " is harmed", look);
    }
    // Without a margin there is nothing that could be shown to hold.
    if (wants_evidence && verdict == "not_sure_yet" && metric.Find("margin") != nullptr) {
      add("live.evidence", Severity::kHold, name + " is not known to hold yet", "");
    }
  }
  if (TextOf(report, "decision") == "stop_for_harm" && !is_harmed) {
    add("live.guardrail", Severity::kFail, TextOf(report, "verdict"), look);
  }
  const Value *progress = report.Find("progress"), *plan = report.Find("plan");
  if (!wants_evidence || progress == nullptr) return findings;
  const Value* days = progress->Find("days");
  const double run = days == nullptr ? 0 : days->AsDouble();
  const std::uint64_t needed =
      std::max<std::uint64_t>(policy.least_days, plan == nullptr ? 0 : CountOf(*plan, "min_days"));
  if (run < static_cast<double>(needed)) {
    add("live.evidence", Severity::kHold,
        Reached("it has run for " + DaysText(run) + " days", Plural(static_cast<std::size_t>(needed), "day")), "");
  }
  if (const std::uint64_t units = CountOf(*progress, "units"); units < policy.least_units) {
    add("live.evidence", Severity::kHold,
        Reached("it has " + Plural(static_cast<std::size_t>(units), "unit"), std::to_string(policy.least_units)), "");
  }
  return findings;
}

Finding NotStarted(const std::string& experiment, const std::string& owner) {
  return {"live.evidence", Severity::kHold, "experiment " + experiment, owner, {}, "it has not been started yet", ""};
}

std::vector<Finding> CheckStopped(const ExperimentRecord& record) {
  const auto& [experiment, state] = record;
  const ExperimentIteration* iteration = state.CurrentIteration();
  if (experiment.archived || iteration == nullptr) return {};
  BreachAction action = BreachAction::kAlert;
  if (state.status == ExperimentStatus::kPaused && !iteration->pauses.empty() &&
      iteration->pauses.back().by == kServer) {
    action = BreachAction::kPause;
  } else if (state.status == ExperimentStatus::kStopped && iteration->ended_by == kServer) {
    action = BreachAction::kRollback;
  } else {
    return {};
  }
  const auto cause =
      std::find_if(state.findings.rbegin(), state.findings.rend(), [&](const ExperimentFinding& finding) {
        return finding.iteration == iteration->number && finding.action == action;
      });
  if (cause == state.findings.rend()) return {};
  const bool is_split = cause->kind == "sample_ratio_mismatch";
  return {
      {is_split ? "live.sample-ratio" : "live.guardrail",
       Severity::kFail,
       "experiment " + experiment.key,
       experiment.owner,
       {},
       (action == BreachAction::kPause ? "the server has paused it at " : "the server has rolled it back at ") +
           MomentText(cause->at_ms) + ": " + cause->sentence,
       action == BreachAction::kPause ? "see why; then resume or stop it" : "see why; then conclude or archive it"}};
}

std::vector<Finding> CheckExperimentRamp(const Value& status, const std::string& owner, const Policy& policy) {
  const Value* ramp = status.Find("ramp");
  if (ramp == nullptr) return {};
  const std::string state = TextOf(*ramp, "status"), at = TextOf(*ramp, "at");
  if (state == "finished" || state == "idle") return {};
  const std::string subject = "experiment " + TextOf(status, "experiment");
  const auto holds = [&](std::string message, std::string fix) {
    return std::vector<Finding>{{"live.ramp", Severity::kHold, subject, owner, {}, std::move(message), std::move(fix)}};
  };
  if (state == "paused") {
    return holds("its ramp is paused at " + at,
                 "`guidon experiment ramp " + TextOf(status, "experiment") + " resume` lets it go on");
  }
  if (state == "held_back") {
    const Value* held = ramp->Find("held_back");
    return holds("its ramp is held back at " + at + ": " + (held == nullptr ? "" : TextOf(*held, "sentence")), "");
  }
  const std::uint32_t share = ParsePercent(at).value_or(0);
  if (!policy.ramp_at_least || share >= *policy.ramp_at_least) return {};
  std::string message = "its ramp stands at " + at + "; the policy demands " + FormatPercent(*policy.ramp_at_least);
  if (state == "off") message += ", and it stands still while the experiment or its flag does";
  if (const Value* next = ramp->Find("next"); next != nullptr && next->Find("due") != nullptr) {
    message += "; " + TextOf(*next, "at") + " is due at " + MomentOf(TextOf(*next, "due"));
  }
  return holds(std::move(message), "");
}

std::vector<Finding> CheckRequests(const std::string& environment, const Array& requests) {
  std::vector<Finding> findings;
  for (const Value& request : requests) {
    const std::vector<std::string> altered = TextsIn(request, "environments");
    if (std::find(altered.begin(), altered.end(), environment) == altered.end()) continue;
    const std::string number = std::to_string(NumberOf(request, "number"));
    std::string authors;
    for (const std::string& author : TextsIn(request, "authors")) authors += (authors.empty() ? "" : ", ") + author;
    findings.push_back({"live.change-request",
                        Severity::kFail,
                        "change request " + number,
                        authors,
                        {},
                        "“" + TextOf(request, "title") + "” would alter " + environment + ": " + WaitOf(request),
                        "`guidon change show " + number + "` has it"});
  }
  return findings;
}

std::vector<Finding> CheckFreeze(const Policy& policy, std::int64_t now_ms) {
  std::vector<Finding> findings;
  for (const FreezeWindow& window : policy.freezes) {
    if (now_ms < window.from_ms || now_ms >= window.to_ms) continue;
    findings.push_back({"live.freeze",
                        Severity::kFail,
                        "policy " + policy.name,
                        "",
                        {},
                        "there are no releases until " + FormatTimestamp(window.to_ms) + ": " + window.why,
                        "wait, or waive live.freeze with a reason"});
  }
  return findings;
}

}  // namespace guidon::gate
