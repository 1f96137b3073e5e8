// guidon flag get|list|history|revert: what flags are, what became of one, and back to what it was.
#include <algorithm>
#include <iostream>

#include "cli/api_client.h"
#include "cli/change_request.h"
#include "cli/change_set.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/base/json.h"
#include "core/base/json_record.h"

namespace guidon::cli {
namespace {

std::string FlagPath(const std::string& project, const std::string& flag) {
  return ProjectPath(project) + "/flags/" + Escape(flag);
}

// "production on, staging off"
std::string StatesOf(const Value& definition) {
  std::string states;
  const Value* environments = definition.Find("environments");
  if (environments == nullptr) return "nowhere";
  for (const Member& environment : environments->AsObject()) {
    const Value* enabled = environment.value.Find("enabled");
    states += (states.empty() ? "" : ", ") + Printable(environment.name) +
              (enabled != nullptr && enabled->AsBool() ? " on" : " off");
  }
  return states.empty() ? "nowhere" : states;
}

int List(const FlagOptions& options, const std::string& project) {
  Result<ApiAnswer> answer = Ask(options.connection, "GET", ProjectPath(project) + "/flags");
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  if (options.json) {
    PrintJson(answer->body);
    return kPass;
  }
  const Array& flags = ListIn(answer->body, "flags");
  if (flags.empty()) {
    std::cout << "no flags\n";
    return kPass;
  }
  std::size_t key = 4, type = 4;
  for (const Value& flag : flags) {
    key = std::max(key, Width(Text(flag, "key")));
    if (const Value* definition = flag.Find("definition")) type = std::max(type, Width(Text(*definition, "type")));
  }
  std::cout << Out().Bold(Padded("FLAG", key) + "  " + Padded("TYPE", type) + "  STATE") << "\n";
  for (const Value& flag : flags) {
    const Value* definition = flag.Find("definition");
    if (definition == nullptr) continue;
    const Value* archived = definition->Find("archived");
    const bool is_archived = archived != nullptr && archived->AsBool();
    const std::size_t indent = key + type + 4;
    std::cout << Padded(Text(flag, "key"), key) << "  " << Padded(Text(*definition, "type"), type) << "  "
              << Wrapped(is_archived ? "archived" : StatesOf(*definition), indent).substr(indent) << "\n";
  }
  return kPass;
}

int Get(const FlagOptions& options, const std::string& project) {
  const std::string at = options.revision ? "?revision=" + std::to_string(*options.revision) : "";
  Result<ApiAnswer> answer = Ask(options.connection, "GET", FlagPath(project, options.flag) + at);
  if (!answer) return Explain(answer.error(), options.json);
  const Value* definition = answer->body.Find("definition");
  if (!answer->ok() || definition == nullptr) return Explain(*answer, options.json);
  if (options.json) {
    PrintJson(answer->body);
    return kPass;
  }
  std::cout << Out().Bold(options.flag) << "  " << StatesOf(*definition) << "  (since revision "
            << Text(answer->body, "revision") << ")\n"
            << ToPrettyJson(*definition);
  return kPass;
}

// "2027-03-31T08:00:00.000Z" -> "2027-03-31 08:00"
std::string ShortTime(const std::string& time) {
  return time.size() < 16 ? time : time.substr(0, 10) + " " + time.substr(11, 5);
}

void PrintChange(const Value& change) {
  constexpr std::size_t kHang = 6;
  std::cout << Out().Bold("revision " + Text(change, "revision")) << "  " << ShortTime(Text(change, "time")) << "  "
            << (change.Find("redacted") != nullptr ? "(erased)" : Text(change, "principal")) << "  "
            << Text(change, "action") << "\n";
  if (!Text(change, "comment").empty()) std::cout << Wrapped("“" + Text(change, "comment") + "”", kHang) << "\n";
  for (const Value& line : ListIn(change, "summary")) {
    std::cout << Wrapped(Printable(line.AsString()), kHang) << "\n";
  }
  if (change.Find("action") == nullptr) {
    std::cout << Wrapped("what it was before is no longer kept, or is the same to evaluation", kHang) << "\n";
  }
}

int History(const FlagOptions& options, const std::string& project) {
  std::string cursor;
  std::size_t shown = 0;
  bool complete = true;
  while (shown < options.limit) {
    const std::size_t page = std::min<std::size_t>(100, options.limit - shown);
    Result<ApiAnswer> answer = Ask(options.connection, "GET",
                                   FlagPath(project, options.flag) + "/history?limit=" + std::to_string(page) + cursor);
    if (!answer) return Explain(answer.error(), options.json);
    if (!answer->ok()) return Explain(*answer, options.json);
    for (const Value& change : ListIn(answer->body, "changes")) {
      ++shown;
      if (options.json) {
        PrintJson(change);
      } else {
        PrintChange(change);
      }
    }
    if (const Value* known = answer->body.Find("complete")) complete = known->AsBool();
    const Value* next = answer->body.Find("next");
    if (next == nullptr) break;
    cursor = "&cursor=" + ToJson(*next);
  }
  if (!complete) std::cerr << "What came before is no longer kept; `guidon audit log` still says who and when.\n";
  return kPass;
}

int Revert(const FlagOptions& options, const std::string& project) {
  const std::string path = FlagPath(project, options.flag);
  Result<ApiAnswer> old = Ask(options.connection, "GET", path + "?revision=" + std::to_string(*options.revision));
  if (!old) return Explain(old.error(), options.json);
  const Value* definition = old->body.Find("definition");
  if (!old->ok() || definition == nullptr) return Explain(*old, options.json);
  Result<ApiAnswer> present = Ask(options.connection, "GET", path);
  if (!present) return Explain(present.error(), options.json);
  if (!present->ok() && present->status != 404) return Explain(*present, options.json);

  Object change{{"kind", Value("flag")}, {"key", Value(options.flag)}, {"definition", *definition}};
  // What is looked at is what is changed: not what somebody else makes of it in between.
  if (present->ok()) change.Append("if_match", *present->body.Find("revision"));
  std::string comment = "revert to revision " + std::to_string(*options.revision);
  if (!options.comment.empty()) comment += ": " + options.comment;
  const Value body = Object{{"changes", Value(Array{Value(std::move(change))})}, {"comment", Value(comment)}};
  Result<ApiAnswer> plan = Ask(options.connection, "POST", ProjectPath(project) + "/changes?dry_run=true", body);
  if (!plan) return Explain(plan.error(), options.json);
  if (!plan->ok()) return Explain(*plan, options.json);
  const std::size_t changes = CountOfChanges(plan->body);
  if (!options.json) PrintChanges(plan->body);
  if (changes == 0 || !options.yes) {
    if (options.json) {
      PrintJson(plan->body);
    } else if (changes == 0) {
      std::cout << "nothing to change: it is as it was at revision " << *options.revision << "\n";
    } else {
      PrintProtection(plan->body);
      std::cout << "nothing was written. To do it: guidon flag revert " << options.flag << " --to " << *options.revision
                << " --yes" << WriteOptionsFor(plan->body) << "\n";
    }
    return kPass;
  }
  if (!options.write.request.empty()) {
    return OpenRequest(options.connection, project, options.write, Object{{"changes", *body.Find("changes")}},
                       options.json);
  }
  Result<ApiAnswer> done =
      Ask(options.connection, "POST", ProjectPath(project) + "/changes" + EmergencyQuery(options.write), body);
  if (!done) return Explain(done.error(), options.json);
  if (!done->ok()) return Explain(*done, options.json);
  if (options.json) {
    PrintJson(done->body);
  } else {
    std::cout << Out().Green("reverted") << " " << options.flag << " to revision " << *options.revision
              << ", as revision " << Text(done->body, "revision") << "\n";
  }
  return kPass;
}

}  // namespace

int FlagView(const FlagOptions& options) {
  const Result<std::string> project = ResolveProject(options.connection, options.project);
  if (!project) return Explain(project.error(), options.json);
  if (options.action == "list") return List(options, *project);
  if (options.action == "get") return Get(options, *project);
  return options.action == "history" ? History(options, *project) : Revert(options, *project);
}

}  // namespace guidon::cli
