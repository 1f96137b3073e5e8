#include "gate/live_checks.h"

#include "core/base/json_record.h"
#include "core/model/units.h"

namespace guidon::gate {
std::vector<Finding> CheckReport(const std::string& experiment, const Value& report) {
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
      add("live.evidence", Severity::kHold, TextOf(gate, "sentence"), "");
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
    if (verdict == "not_sure_yet" && metric.Find("margin") != nullptr) {
      add("live.evidence", Severity::kHold, name + " is not known to hold yet", "");
    }
  }
  if (TextOf(report, "decision") == "stop_for_harm" && !is_harmed) {
    add("live.guardrail", Severity::kFail, TextOf(report, "verdict"), look);
  }
  return findings;
}

Finding NotStarted(const std::string& experiment, const std::string& owner) {
  return {"live.evidence", Severity::kHold, "experiment " + experiment, owner, {}, "it has not been started yet", ""};
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
