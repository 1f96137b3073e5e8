// guidon experiment start|pause|resume|stop|conclude|rollback|ramp|status|list: where experiments stand, and the hand
// on them.
#include <algorithm>
#include <iostream>

#include "cli/api_client.h"
#include "cli/change_request.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/base/json_record.h"

namespace guidon::cli {
namespace {

constexpr std::size_t kKeyWidth = 28, kFlagWidth = 24, kEnvironmentWidth = 14, kCheckWidth = 10;

// "2027-03-31T08:00:00.000Z" -> "2027-03-31 08:00 UTC"
std::string ShortTime(const std::string& time) {
  return time.size() < 16 ? time : time.substr(0, 10) + " " + time.substr(11, 5) + " UTC";
}

std::string PathOf(const ExperimentOptions& options, const std::string& project) {
  return ProjectPath(project) + "/experiments/" + Escape(options.experiment);
}

const Value* LastIn(const Value& object, std::string_view name) {
  const Array& list = ListIn(object, name);
  return list.empty() ? nullptr : &list.back();
}

// --- saying where one stands ---

// "iteration 2 since 2027-03-31 08:00 UTC, by key:4fJ2"
std::string IterationOf(const Value& status) {
  if (Text(status, "iteration") == "0") return "";
  std::string text = "iteration " + Text(status, "iteration");
  const Value* last = LastIn(status, "iterations");
  if (last == nullptr || Text(*last, "number") != Text(status, "iteration")) return text;
  text += last->Find("ended") == nullptr
              ? " since " + ShortTime(Text(*last, "started"))
              : ", " + ShortTime(Text(*last, "started")) + " to " + ShortTime(Text(*last, "ended"));
  const std::string by = Text(*last, last->Find("ended") == nullptr ? "started_by" : "ended_by");
  return by.empty() ? text : text + ", by " + by;
}

// "running", "scheduled for 2027-03-31 08:00 UTC", "concluded: one_page has won"
std::string StandingOf(const Value& status) {
  std::string text = Text(status, "status");
  if (status.Find("scheduled") != nullptr) {
    text += " for " + ShortTime(Text(status, "scheduled"));
    if (status.Find("keeps_assignments") != nullptr) text += ", with the assignments of before";
  }
  if (text == "concluded") {
    const std::string winner = Text(status, "winner");
    text += winner.empty() ? ": nobody has won" : ": " + winner + " has won";
  }
  if (const std::string iteration = IterationOf(status); !iteration.empty()) text += ", " + iteration;
  return text;
}

std::string RampOf(const Value& ramp) {
  const std::string word = Text(ramp, "status");
  std::string text =
      Text(ramp, "at") + ", step " + Text(ramp, "step") + " of " + std::to_string(ListIn(ramp, "steps").size());
  if (word == "off") text += ", its hold does not count now";
  if (word == "paused") text += ", paused";
  if (word == "by_hand") text += "; stays until `guidon experiment ramp KEY step`";
  if (word == "idle" || word == "finished") return text;
  const Value* next = ramp.Find("next");
  if (next == nullptr) return text;
  text += "; next " + Text(*next, "at");
  if (next->Find("due") != nullptr) text += " at " + ShortTime(Text(*next, "due"));
  if (next->Find("min_units") != nullptr) {
    const std::string units = Text(*next, "units");
    text += ", from " + Text(*next, "min_units") + " units on (" +
            (units.empty() ? "how many there are is not known" : units + " so far") + ")";
  }
  if (const Value* held = ramp.Find("held_back")) {
    text += "; held back since " + ShortTime(Text(*held, "since")) + ", " + Text(*held, "reason") + ": " +
            Text(*held, "sentence");
  }
  return text;
}

void PrintStatus(const Value& status) {
  std::cout << Out().Bold(Text(status, "experiment")) << " on " << Text(status, "flag") << " in "
            << Text(status, "environment") << "  (since revision " << Text(status, "revision") << ")\n"
            << Wrapped(StandingOf(status), 2) << "\n";
  std::string variants;
  for (const Value& variant : ListIn(status, "variants")) {
    variants += (variants.empty() ? "" : ", ") + Text(variant, "variant") + " " + Text(variant, "weight") +
                " (serves " + Text(variant, "serves") + ")";
  }
  if (!variants.empty()) std::cout << Wrapped("variants: " + variants, 2) << "\n";
  if (const Value* ramp = status.Find("ramp")) std::cout << Wrapped("ramp: " + RampOf(*ramp), 2) << "\n";
  if (const std::string decision = Text(status, "decision"); !decision.empty()) {
    std::cout << Wrapped("decision: " + decision, 2) << "\n";
  }
  for (const Value& finding : ListIn(status, "findings")) {
    std::string about = Text(finding, "kind");
    for (const std::string_view name : {"metric", "variant"}) {
      if (const std::string text = Text(finding, name); !text.empty()) about += ", " + text;
    }
    std::cout << Wrapped("found " + ShortTime(Text(finding, "at")) + ", iteration " + Text(finding, "iteration") +
                             ": " + about + ": " + Text(finding, "action") + ". " + Text(finding, "sentence"),
                         2)
              << "\n";
  }
}

int Say(const ExperimentOptions& options, const ApiAnswer& answer) {
  if (options.json) {
    PrintJson(answer.body);
  } else {
    PrintStatus(answer.body);
    for (const Value& warning : ListIn(answer.body, "warnings")) {
      // Of the whole project; what is said of others is theirs.
      const std::string entity = Text(warning, "entity");
      if (entity != "experiment " + options.experiment && entity != "flag " + Text(answer.body, "flag")) continue;
      std::cout << Out().Yellow("warning") << "  " << Text(warning, "message") << "\n";
    }
  }
  return kPass;
}

// 0 when it can start, 1 when something blocks it.
int Check(const ExperimentOptions& options, const std::string& project) {
  std::string query;
  for (const auto& [name, value] : {std::pair<std::string, std::string>{"daily_units", options.daily_units},
                                    {"baseline", options.baseline},
                                    {"deviation", options.deviation}}) {
    if (!value.empty()) query += (query.empty() ? "?" : "&") + name + "=" + Escape(value);
  }
  const Result<ApiAnswer> answer = Ask(options.connection, "GET", PathOf(options, project) + "/check" + query);
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  const Value* can_start = answer->body.Find("can_start");
  const int code = can_start != nullptr && can_start->AsBool() ? kPass : kProblem;
  if (options.json) {
    PrintJson(answer->body);
    return code;
  }
  for (const Value& check : ListIn(answer->body, "checks")) {
    const std::string outcome = Padded(Text(check, "outcome"), 9);
    const std::string word = outcome.starts_with("good")     ? Out().Green(outcome)
                             : outcome.starts_with("blocks") ? Out().Red(outcome)
                                                             : Out().Yellow(outcome);
    const std::string begin = "  " + Padded(Text(check, "check"), kCheckWidth) + "  ";
    const std::size_t indent = Width(outcome) + Width(begin);
    std::cout << word << begin << Wrapped(Text(check, "sentence"), indent).substr(indent) << "\n";
  }
  return code;
}

int List(const ExperimentOptions& options, const std::string& project) {
  Result<ApiAnswer> answer = Ask(options.connection, "GET", ProjectPath(project) + "/experiments");
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  Array rows;
  for (const Value& entity : ListIn(answer->body, "experiments")) {
    const Value* definition = entity.Find("definition");
    if (definition == nullptr) continue;
    if (!options.environment.empty() && Text(*definition, "environment") != options.environment) continue;
    const Value* state = entity.Find("state");
    Object row{{"experiment", Value(Text(entity, "key"))},
               {"environment", Value(Text(*definition, "environment"))},
               {"flag", Value(Text(*definition, "flag"))},
               {"status", Value(state == nullptr ? "draft" : Text(*state, "status"))}};
    if (definition->Find("archived") != nullptr) row.Set("status", Value("archived"));
    if (const std::string owner = Text(*definition, "owner"); !owner.empty()) row.Append("owner", Value(owner));
    rows.emplace_back(std::move(row));
  }
  if (options.json) {
    PrintJson(Object{{"experiments", Value(std::move(rows))}});
    return kPass;
  }
  if (rows.empty()) {
    std::cout << "no experiments\n";
    return kPass;
  }
  std::cout << Out().Bold(Padded("EXPERIMENT", kKeyWidth) + "  STATUS     " + Padded("ENVIRONMENT", kEnvironmentWidth) +
                          "  FLAG")
            << "\n";
  for (const Value& row : rows) {
    std::cout << Padded(Cut(Text(row, "experiment"), kKeyWidth), kKeyWidth) << "  " << Padded(Text(row, "status"), 9)
              << "  " << Padded(Cut(Text(row, "environment"), kEnvironmentWidth), kEnvironmentWidth) << "  "
              << Cut(Text(row, "flag"), kFlagWidth) << "\n";
  }
  return kPass;
}

// --- change requests ---

Value Patch(std::string_view kind, const std::string& key, Object patch) {
  return Object{
      {"kind", Value(kind)}, {"key", Value(key)}, {"action", Value("patch")}, {"definition", Value(std::move(patch))}};
}

// What serves the winner in place of the experiment: the rules that name it, else `default`.
Object Shipped(const ExperimentOptions& options, const Value& flag, const std::string& environment,
               const std::string& variation) {
  const Value* at = &flag;
  for (const std::string& step : {std::string("definition"), std::string("environments"), environment}) {
    if (at != nullptr) at = at->Find(step);
  }
  Array rules = at == nullptr ? Array() : ListIn(*at, "rules");
  bool is_named = false;
  for (Value& rule : rules) {
    if (Text(rule, "experiment") != options.experiment) continue;
    rule.MutableObject().Erase("experiment");
    rule.MutableObject().Set("serve", Value(variation));
    is_named = true;
  }
  Object targeting;
  if (is_named) {
    targeting.Append("rules", Value(std::move(rules)));
  } else {
    targeting.Append("default", Value(variation));
  }
  return Object{{"environments", Value(Object{{environment, Value(std::move(targeting))}})}};
}

// A decision is no part of a definition: the request ends the experiment and ships the winner, and `conclude` after it
// keeps the decision, which alters nothing any more.
int RequestConclusion(const ExperimentOptions& options, const std::string& project) {
  Result<ApiAnswer> status = Ask(options.connection, "GET", PathOf(options, project) + "/status");
  if (!status) return Explain(status.error(), options.json);
  if (!status->ok()) return Explain(*status, options.json);
  const std::string flag = Text(status->body, "flag");
  Array changes{Patch("experiment", options.experiment, Object{{"state", Value("stopped")}})};
  if (!options.ship.empty()) {
    std::string variation;
    for (const Value& variant : ListIn(status->body, "variants")) {
      if (Text(variant, "variant") == options.ship) variation = Text(variant, "serves");
    }
    if (variation.empty()) {
      return Explain(
          Error{
              ErrorCode::kInvalid, "experiment '" + options.experiment + "' has no variant '" + options.ship + "'", {}},
          options.json);
    }
    Result<ApiAnswer> held = Ask(options.connection, "GET", ProjectPath(project) + "/flags/" + Escape(flag));
    if (!held) return Explain(held.error(), options.json);
    if (!held->ok()) return Explain(*held, options.json);
    changes.push_back(Patch("flag", flag, Shipped(options, held->body, Text(status->body, "environment"), variation)));
  }
  const int code = OpenRequest(options.connection, project, options.write,
                               Object{{"changes", Value(std::move(changes))}}, options.json);
  if (code == kPass && !options.json) {
    std::cout << "once it is applied, the same command without --request keeps the decision\n";
  }
  return code;
}

int Request(const ExperimentOptions& options, const std::string& project) {
  if (options.action == "conclude") return RequestConclusion(options, project);
  if (options.keep_assignments) {
    return Explain(Error{ErrorCode::kInvalid,
                         "a change request starts an experiment with fresh assignments; --keep-assignments needs the "
                         "right to alter this environment at once",
                         {}},
                   options.json);
  }
  const char* state = options.action == "pause" ? "paused" : options.action == "stop" ? "stopped" : "running";
  WriteOptions write = options.write;
  write.at = options.at;
  return OpenRequest(
      options.connection, project, write,
      Object{{"changes", Value(Array{Patch("experiment", options.experiment, Object{{"state", Value(state)}})})}},
      options.json);
}

Object BodyOf(const ExperimentOptions& options) {
  Object body;
  if (!options.comment.empty()) body.Append("comment", Value(options.comment));
  if (options.action == "start") {
    if (!options.at.empty()) body.Append("at", Value(options.at));
    if (options.keep_assignments) body.Append("assignments", Value("keep"));
    if (options.new_salt) body.Append("assignments", Value("fresh"));
  }
  if (options.action == "conclude") {
    body.Append("winner", options.ship.empty() ? Value() : Value(options.ship));
    if (!options.decision.empty()) body.Append("decision", Value(options.decision));
  }
  if (options.action == "ramp") body.Append("action", Value(options.ramp));
  return body;
}

}  // namespace

int Experiments(const ExperimentOptions& options) {
  const Result<std::string> project = ResolveProject(options.connection, options.project);
  if (!project) return Explain(project.error(), options.json);
  if (options.action == "list") return List(options, *project);
  if (options.check) return Check(options, *project);
  if (!options.write.request.empty()) return Request(options, *project);
  const std::string path = PathOf(options, *project);
  const Result<ApiAnswer> answer =
      options.action == "status"
          ? Ask(options.connection, "GET", path + "/status")
          : Ask(options.connection, "POST", path + "/" + options.action + EmergencyQuery(options.write),
                Value(BodyOf(options)));
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  return Say(options, *answer);
}

}  // namespace guidon::cli
