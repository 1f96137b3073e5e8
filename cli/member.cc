// guidon member add|list|remove and guidon role set|list|remove: who may do what.
#include <algorithm>
#include <iostream>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/base/json_record.h"

namespace guidon::cli {
namespace {

std::string PathOf(const std::string& id) {
  return "/api/v1/members/" + Escape(id);
}

// "editor@shop/staging"
Value ReadBinding(const std::string& text) {
  const std::size_t at = text.find('@');
  Object binding{{"role", Value(text.substr(0, at))}};
  if (at == std::string::npos) return Value(std::move(binding));
  const std::string place = text.substr(at + 1);
  const std::size_t slash = place.find('/');
  if (slash > 0) binding.Append("project", Value(place.substr(0, slash)));
  if (slash != std::string::npos) binding.Append("environment", Value(place.substr(slash + 1)));
  return Value(std::move(binding));
}

std::string ShowBinding(const Value& binding) {
  const std::string project = Text(binding, "project"), environment = Text(binding, "environment");
  std::string text = Text(binding, "role");
  if (!project.empty() || !environment.empty()) text += "@" + project;
  if (!environment.empty()) text += "/" + environment;
  return text;
}

int AddMember(const MemberOptions& options) {
  Array bindings;
  for (const std::string& role : options.roles) bindings.push_back(ReadBinding(role));
  Object body{{"name", Value(options.name)}, {"bindings", Value(std::move(bindings))}};
  if (!options.email.empty()) body.Append("email", Value(options.email));
  Result<ApiAnswer> answer = Ask(options.connection, "PUT", PathOf(options.id), Value(std::move(body)));
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  if (options.json) {
    PrintJson(answer->body);
    return kPass;
  }
  std::cout << (answer->status == 201 ? "added " : "changed ") << options.id << "\n";
  std::cerr << "A key of theirs: guidon key create --all-projects --kind admin --member " << options.id << "\n";
  return kPass;
}

int ListMembers(const MemberOptions& options) {
  Result<ApiAnswer> answer = Ask(options.connection, "GET", "/api/v1/members");
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  if (options.json) {
    PrintJson(answer->body);
    return kPass;
  }
  const Array& members = ListIn(answer->body, "members");
  if (members.empty()) {
    std::cout << "no members; add one with: guidon member add ID --name NAME --role ROLE\n";
    return kPass;
  }
  std::size_t id = 2, name = 4;
  for (const Value& member : members) {
    id = std::max(id, Width(Text(member, "id")));
    name = std::max(name, Width(Text(member, "name")));
  }
  std::cout << Out().Bold(Padded("ID", id) + "  " + Padded("NAME", name) + "  ROLES") << "\n";
  for (const Value& member : members) {
    std::cout << Padded(Text(member, "id"), id) << "  " << Padded(Text(member, "name"), name) << " ";
    for (const Value& binding : ListIn(member, "bindings")) std::cout << " " << ShowBinding(binding);
    std::cout << "\n";
  }
  return kPass;
}

int RemoveMember(const MemberOptions& options) {
  Result<ApiAnswer> answer = Ask(options.connection, "DELETE", PathOf(options.id));
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  if (options.json) {
    PrintJson(answer->body);
  } else {
    std::cout << "removed " << options.id << " and revoked their keys\n";
  }
  return kPass;
}

int ListRoles(const RoleOptions& options) {
  Result<ApiAnswer> answer = Ask(options.connection, "GET", "/api/v1/roles");
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  if (options.json) {
    PrintJson(answer->body);
    return kPass;
  }
  std::size_t name = 4;
  for (const Value& role : ListIn(answer->body, "roles")) name = std::max(name, Width(Text(role, "role")));
  std::cout << Out().Bold(Padded("ROLE", name) + "  VERBS") << "\n";
  for (const Value& role : ListIn(answer->body, "roles")) {
    std::cout << Padded(Text(role, "role"), name) << " ";
    for (const Value& verb : ListIn(role, "verbs")) std::cout << " " << Printable(verb.AsString());
    std::cout << "\n";
  }
  return kPass;
}

std::string RolePath(const std::string& name) {
  return "/api/v1/roles/" + Escape(name);
}

int SetRole(const RoleOptions& options) {
  Array verbs;
  for (const std::string& verb : options.verbs) verbs.emplace_back(verb);
  Object body{{"verbs", Value(std::move(verbs))}};
  if (!options.description.empty()) body.Append("description", Value(options.description));
  Result<ApiAnswer> answer = Ask(options.connection, "PUT", RolePath(options.name), Value(std::move(body)));
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  if (options.json) {
    PrintJson(answer->body);
  } else {
    std::cout << (answer->status == 201 ? "added " : "changed ") << options.name << "\n";
  }
  return kPass;
}

int RemoveRole(const RoleOptions& options) {
  Result<ApiAnswer> answer = Ask(options.connection, "DELETE", RolePath(options.name));
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  if (options.json) {
    PrintJson(answer->body);
  } else {
    std::cout << "removed " << options.name << "\n";
  }
  return kPass;
}

}  // namespace

int Members(const MemberOptions& options) {
  if (options.action == "add") return AddMember(options);
  return options.action == "list" ? ListMembers(options) : RemoveMember(options);
}

int Roles(const RoleOptions& options) {
  if (options.action == "set") return SetRole(options);
  return options.action == "list" ? ListRoles(options) : RemoveRole(options);
}

}  // namespace guidon::cli
