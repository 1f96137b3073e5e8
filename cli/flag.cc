// guidon flag on|off: enables or disables a flag in one environment, at once.
#include <iostream>

#include "cli/api_client.h"
#include "cli/change_request.h"
#include "cli/output.h"
#include "cli/verbs.h"

namespace guidon::cli {
namespace {

// Whether it is enabled now; absent where the definition does not name the environment.
bool IsEnabled(const Value& flag, const std::string& environment) {
  const Value* at = &flag;
  for (const std::string_view step : {std::string_view("definition"), std::string_view("environments"),
                                      std::string_view(environment), std::string_view("enabled")}) {
    at = at->Find(step);
    if (at == nullptr) return false;
  }
  return at->AsBool();
}

void Say(const FlagOptions& options, const std::string& what, const Value& answer) {
  if (options.json) return PrintJson(answer);
  const Value* revision = answer.Find("revision");
  std::cout << Out().Bold(options.flag) << " is " << what << " " << (options.on ? "enabled" : "disabled") << " in "
            << options.environment << (options.on ? "" : ": everyone gets its `off`") << "  (revision "
            << (revision == nullptr ? 0 : revision->AsInt()) << ")\n";
}

}  // namespace

int Flag(const FlagOptions& options) {
  const Result<std::string> project = ResolveProject(options.connection, options.project);
  if (!project) return Explain(project.error(), options.json);
  // Asked first, because what is not there gets a better answer, and what is already so no revision.
  for (const std::string& path :
       {EnvironmentPath(*project, options.environment), ProjectPath(*project) + "/flags/" + Escape(options.flag)}) {
    Result<ApiAnswer> held = Ask(options.connection, "GET", path);
    if (!held) return Explain(held.error(), options.json);
    if (!held->ok()) return Explain(*held, options.json);
    if (held->body.Find("definition") != nullptr && IsEnabled(held->body, options.environment) == options.on) {
      Say(options, "already", held->body);
      return kPass;
    }
  }
  Object environment{{"enabled", Value(options.on)}};
  Object patch{{"environments", Value(Object{{options.environment, Value(std::move(environment))}})}};
  Object change{{"kind", Value("flag")},
                {"key", Value(options.flag)},
                {"action", Value("patch")},
                {"definition", Value(std::move(patch))}};
  Object body{{"changes", Value(Array{Value(std::move(change))})}};
  if (!options.write.request.empty()) {
    WriteOptions write = options.write;
    write.description = options.comment;
    return OpenRequest(options.connection, *project, write, std::move(body), options.json);
  }
  if (!options.comment.empty()) body.Append("comment", Value(options.comment));
  Result<ApiAnswer> answer =
      Ask(options.connection, "POST", ProjectPath(*project) + "/changes" + EmergencyQuery(options.write),
          Value(std::move(body)));
  // For programs the same document as where there was nothing to do: the flag, as it was made.
  if (options.json && answer && answer->ok()) {
    Result<ApiAnswer> flag =
        Ask(options.connection, "GET",
            ProjectPath(*project) + "/flags/" + Escape(options.flag) + "?revision=" + Text(answer->body, "revision"));
    if (flag && flag->ok()) answer = std::move(flag);  // else what was made of it
  }
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  Say(options, "now", answer->body);
  return kPass;
}

}  // namespace guidon::cli
