// guidon key create|rotate|revoke|list: who may read an environment's rules, and who may change a project.
#include <iostream>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/verbs.h"

namespace guidon::cli {
namespace {

// The key alone on standard output: KEY=$(guidon key create …).
int Show(const KeyOptions& options, const Result<ApiAnswer>& answer) {
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  if (options.json) {
    PrintJson(answer->body);
    return kPass;
  }
  std::cout << Text(answer->body, "key") << std::endl;
  const std::string expires = Text(answer->body, "expires");
  if (!expires.empty()) std::cerr << "It expires at " << expires << ".\n";
  std::cerr << "This is shown once. To revoke it: guidon key revoke " << (options.all_projects ? "--all-projects " : "")
            << Text(answer->body, "id") << "\n";
  return kPass;
}

int CreateKey(const KeyOptions& options, const std::string& path) {
  Object body{{"kind", Value(options.kind)}};
  if (!options.environment.empty()) body.Append("environment", Value(options.environment));
  if (!options.role.empty()) body.Append("role", Value(options.role));
  if (!options.member.empty()) body.Append("member", Value(options.member));
  if (!options.description.empty()) body.Append("description", Value(options.description));
  if (!options.expires_in.empty()) body.Append("expires_in", Value(options.expires_in));
  return Show(options, Ask(options.connection, "POST", path, Value(std::move(body))));
}

int RotateKey(const KeyOptions& options, const std::string& path) {
  const Result<ApiAnswer> answer = Ask(options.connection, "POST", path + "/" + Escape(options.id) + "/rotate",
                                       Object{{"overlap", Value(options.overlap)}});
  const int code = Show(options, answer);
  if (code != kPass || options.json) return code;
  const Value* old = answer->body.Find("replaces");
  if (old != nullptr) std::cerr << Text(*old, "id") << " stays valid until " << Text(*old, "expires") << ".\n";
  return kPass;
}
int ListKeys(const KeyOptions& options, const std::string& path) {
  Result<ApiAnswer> answer = Ask(options.connection, "GET", path);
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  if (options.json) {
    PrintJson(answer->body);
    return kPass;
  }
  const Value* keys = answer->body.Find("keys");
  if (keys == nullptr || keys->AsArray().empty()) {
    std::cout << "no keys; make one with: guidon key create --environment ENVIRONMENT\n";
    return kPass;
  }
  std::size_t id = 2, environment = 11;
  for (const Value& key : keys->AsArray()) {
    id = std::max(id, Width(Text(key, "id")));
    environment = std::max(environment, Width(Text(key, "environment")));
  }
  std::cout << Out().Bold(Padded("ID", id) + "  KIND    " + Padded("ENVIRONMENT", environment) +
                          "  CREATED     DESCRIPTION")
            << "\n";
  for (const Value& key : keys->AsArray()) {
    const std::string revoked = Text(key, "revoked").substr(0, 10), description = Text(key, "description");
    const std::string expires = Text(key, "expires").substr(0, 10);
    std::cout << Padded(Text(key, "id"), id) << "  " << Padded(Text(key, "kind"), 6) << "  "
              << Padded(Text(key, "environment"), environment) << "  " << Text(key, "created").substr(0, 10);
    const Value* stored = key.Find("revocation_stored");
    if (!revoked.empty()) {
      std::cout << "  " << Out().Red("revoked " + revoked);
      if (stored != nullptr && !stored->AsBool()) std::cout << ", not stored yet: revoke it once more";
    } else if (!expires.empty()) {
      std::cout << "  expires " << expires;
    }
    const std::string seen = Text(key, "last_seen").substr(0, 10);
    if (!seen.empty()) std::cout << "  seen " << seen;
    if (const std::string role = Text(key, "role"); !role.empty()) std::cout << "  " << role;
    if (const std::string member = Text(key, "member"); !member.empty()) std::cout << " of " << member;
    if (!description.empty()) std::cout << "  " << description;
    std::cout << "\n";
  }
  return kPass;
}

int RevokeKey(const KeyOptions& options, const std::string& path) {
  Result<ApiAnswer> answer = Ask(options.connection, "DELETE", path + "/" + Escape(options.id));
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  if (options.json) {
    PrintJson(answer->body);
  } else {
    std::cout << "revoked " << options.id << "; streams that were opened with it are being closed\n";
  }
  return kPass;
}

}  // namespace

int Key(const KeyOptions& options) {
  std::string path = "/api/v1/keys";
  if (!options.all_projects) {
    const Result<std::string> project = ResolveProject(options.connection, options.project);
    if (!project) return Explain(project.error(), options.json);
    path = ProjectPath(*project) + "/keys";
  }
  if (options.action == "create") return CreateKey(options, path);
  if (options.action == "rotate") return RotateKey(options, path);
  return options.action == "list" ? ListKeys(options, path) : RevokeKey(options, path);
}

}  // namespace guidon::cli
