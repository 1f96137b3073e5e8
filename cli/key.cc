// guidon key create|revoke|list, and guidon flag on|off.
#include <iostream>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/verbs.h"

namespace guidon::cli {
namespace {

std::string Text(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  return member == nullptr ? std::string() : member->AsString();
}

std::string Padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

int CreateKey(const KeyOptions& options, const std::string& path) {
  Object body{{"kind", Value(options.kind)}};
  if (!options.environment.empty()) body.Append("environment", Value(options.environment));
  if (!options.description.empty()) body.Append("description", Value(options.description));
  Result<ApiAnswer> answer = Ask(options.connection, "POST", path, Value(std::move(body)));
  if (!answer) return Explain(answer.error());
  if (!answer->ok()) return Explain(*answer);
  if (options.json) {
    std::cout << answer->text << "\n";
  } else {
    std::cout << Text(answer->body, "key") << "\n";
    std::cerr << "This is shown once. Its id, for revoking it: " << Text(answer->body, "id") << "\n";
  }
  return kPass;
}

int ListKeys(const KeyOptions& options, const std::string& path) {
  Result<ApiAnswer> answer = Ask(options.connection, "GET", path);
  if (!answer) return Explain(answer.error());
  if (!answer->ok()) return Explain(*answer);
  if (options.json) {
    std::cout << answer->text << "\n";
    return kPass;
  }
  const Value* keys = answer->body.Find("keys");
  if (keys == nullptr || keys->AsArray().empty()) {
    std::cout << "no keys\n";
    return kPass;
  }
  for (const Value& key : keys->AsArray()) {
    std::cout << Text(key, "id") << "  " << Padded(Text(key, "kind"), 7) << Padded(Text(key, "environment"), 14)
              << Text(key, "created").substr(0, 10) << "  "
              << (Text(key, "revoked").empty() ? Text(key, "description") : Red("revoked")) << "\n";
  }
  return kPass;
}

}  // namespace

int Key(const KeyOptions& options) {
  const std::string path = "/api/v1/projects/" + Escape(options.project) + "/keys";
  if (options.action == "create") return CreateKey(options, path);
  if (options.action == "list") return ListKeys(options, path);
  Result<ApiAnswer> answer = Ask(options.connection, "DELETE", path + "/" + Escape(options.id));
  if (!answer) return Explain(answer.error());
  if (!answer->ok()) return Explain(*answer);
  if (options.json) {
    std::cout << answer->text << "\n";
  } else {
    std::cout << "revoked " << options.id << "; its streams are closing\n";
  }
  return kPass;
}

int Flag(const FlagOptions& options) {
  const bool on = options.action == "on";
  Object environment{{"enabled", Value(on)}};
  Object patch{{"environments", Value(Object{{options.environment, Value(std::move(environment))}})}};
  Result<ApiAnswer> answer =
      Ask(options.connection, "PATCH", "/api/v1/projects/" + Escape(options.project) + "/flags/" + Escape(options.flag),
          Value(std::move(patch)));
  if (!answer) return Explain(answer.error());
  if (!answer->ok()) return Explain(*answer);
  if (options.json) {
    std::cout << answer->text << "\n";
    return kPass;
  }
  const Value* revision = answer->body.Find("revision");
  std::cout << options.flag << (on ? " enabled" : " no longer enabled") << " in " << options.environment
            << ", revision " << (revision == nullptr ? 0 : revision->AsInt()) << "\n";
  return kPass;
}

}  // namespace guidon::cli
