// guidon flag ramp FLAG status|pause|resume|abort|finish: where ramps stand, and the hand on them.
#include <algorithm>
#include <iostream>

#include "cli/api_client.h"
#include "cli/change_request.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/base/json_record.h"

namespace guidon::cli {
namespace {

// "2027-03-31T08:00:00.000Z" -> "2027-03-31 08:00"
std::string ShortTime(const std::string& time) {
  return time.size() < 16 ? time : time.substr(0, 10) + " " + time.substr(11, 5);
}

std::string StandingOf(const Value& ramp) {
  const std::string status = Text(ramp, "status");
  std::string line = Text(ramp, "at") + ", " + status;
  if (status == "off") line += ": the flag is not enabled here";
  const Value* next = ramp.Find("next");
  if (next != nullptr) {
    line += "; next " + Text(*next, "at");
    if (next->Find("due") != nullptr) line += " at " + ShortTime(Text(*next, "due")) + " UTC";
  }
  return line;
}

std::string StepsOf(const Value& ramp) {
  std::string line;
  for (const Value& step : ListIn(ramp, "steps")) {
    line += (line.empty() ? "" : ", ") + Text(step, "at");
    if (step.Find("hold") != nullptr) line += " for " + Text(step, "hold");
  }
  if (ramp.Find("start") != nullptr) line += ", from " + ShortTime(Text(ramp, "start")) + " UTC";
  return line;
}

void Print(const Value& answer) {
  const Array& ramps = ListIn(answer, "ramps");
  for (const Value& ramp : ramps) {
    std::cout << Out().Bold("rule " + Text(ramp, "rule")) << "\n"
              << Wrapped(StandingOf(ramp), 2) << "\n"
              << Wrapped("steps: " + StepsOf(ramp), 2) << "\n";
  }
}

// The rule that was named, or the only one that has a ramp.
Result<std::string> RuleOf(const RampOptions& options, const Value& answer) {
  if (!options.rule.empty()) return options.rule;
  const Array& ramps = ListIn(answer, "ramps");
  if (ramps.size() == 1) return ramps[0].Find("rule")->AsString();
  if (ramps.empty()) {
    return Fail(ErrorCode::kNotFound,
                "flag '" + options.flag + "' has no rule with a ramp in '" + options.environment + "'");
  }
  std::string known;
  for (const Value& ramp : ramps) known += (known.empty() ? "" : ", ") + Text(ramp, "rule");
  return Fail(ErrorCode::kNotFound, "flag '" + options.flag + "' has more than one ramp in '" + options.environment +
                                        "'; say which with --rule: " + known);
}

}  // namespace

int FlagRamp(const RampOptions& options) {
  const Result<std::string> project = ResolveProject(options.connection, options.project);
  if (!project) return Explain(project.error(), options.json);
  const std::string path = EnvironmentPath(*project, options.environment) + "/flags/" + Escape(options.flag) + "/ramps";
  Result<ApiAnswer> answer = Ask(options.connection, "GET", path);
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  const bool is_move = options.action != "status";
  if (is_move || !options.rule.empty()) {
    const Result<std::string> rule = RuleOf(options, answer->body);
    if (!rule) return Explain(rule.error(), options.json);
    if (is_move) {
      Object body{{"action", Value(options.action)}};
      if (!options.comment.empty()) body.Append("comment", Value(options.comment));
      answer = Ask(options.connection, "POST", path + "/" + Escape(*rule) + EmergencyQuery(options.write),
                   Value(std::move(body)));
      if (!answer) return Explain(answer.error(), options.json);
      if (!answer->ok()) return Explain(*answer, options.json);
    } else {
      Array ramps = ListIn(answer->body, "ramps");
      std::erase_if(ramps, [&](const Value& ramp) { return Text(ramp, "rule") != *rule; });
      if (ramps.empty()) {
        return Explain(
            Error{ErrorCode::kNotFound,
                  "flag '" + options.flag + "' has no ramp on a rule '" + *rule + "' in '" + options.environment + "'",
                  {}},
            options.json);
      }
      answer->body.MutableObject().Set("ramps", Value(std::move(ramps)));
    }
  }
  if (options.json) {
    PrintJson(answer->body);
    return kPass;
  }
  std::cout << Out().Bold(options.flag) << " in " << options.environment << "  (since revision "
            << Text(answer->body, "revision") << ")\n";
  if (ListIn(answer->body, "ramps").empty()) std::cout << "no rule with a ramp\n";
  Print(answer->body);
  return kPass;
}

}  // namespace guidon::cli
