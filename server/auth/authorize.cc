#include "server/auth/authorize.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace guidon {
namespace {

constexpr std::array<std::string_view, std::size(kVerbs)> kWords = {
    "public",          "rules.read",      "events.send",    "definitions.read", "definitions.write",
    "projects.manage", "keys.manage",     "events.read",    "members.manage",   "audit.read",
    "server.operate",  "webhooks.manage", "flags.evaluate", "changes.approve",  "environments.override",
    "privacy.manage",  "events.import",   "gate.record"};

bool KindMay(KeyKind kind, Verb verb) {
  switch (kind) {
    case KeyKind::kAdmin:
      return IsOfRoles(verb);
    case KeyKind::kServer:
    case KeyKind::kRelay:
      return IsOfSdk(verb);
    case KeyKind::kEvents:
      return verb == Verb::kSendEvents;
    case KeyKind::kClient:  // anybody can read it in a browser
      return verb == Verb::kEvaluate || verb == Verb::kSendEvents;
  }
  return false;
}

// A scope covers a resource when it is unlimited or names the same thing. A resource "of all" needs no limit.
bool Covers(std::string_view scope, std::string_view resource, bool any_part = false) {
  return scope.empty() || scope == resource || (resource.empty() && any_part);
}

bool Covers(const Grant& grant, const Resource& resource) {
  return Covers(grant.project, resource.project, resource.any_part) &&
         Covers(grant.environment, resource.environment, resource.any_part);
}

// "in environment 'production' of project 'shop'"
std::string PlaceOf(const Resource& resource) {
  const std::string project = "project '" + std::string(resource.project) + "'";
  if (!resource.environment.empty()) {
    const std::string environment = "in environment '" + std::string(resource.environment) + "'";
    return resource.project.empty() ? environment : environment + " of " + project;
  }
  if (resource.any_part) return resource.project.empty() ? "anywhere" : "in any environment of " + project;
  return resource.project.empty() ? "in all projects" : "in all environments of " + project;
}

}  // namespace

std::string_view ToString(Verb verb) {
  return kWords[static_cast<std::size_t>(verb)];
}

std::optional<Verb> VerbFromString(std::string_view word) {
  const auto found = std::find(kWords.begin(), kWords.end(), word);
  if (found == kWords.end()) return std::nullopt;
  return static_cast<Verb>(found - kWords.begin());
}

Status Authorize(const Principal& principal, Verb verb, const Resource& resource) {
  if (verb == Verb::kPublic) return {};
  if (!KindMay(principal.kind, verb)) {
    return Fail(ErrorCode::kPermissionDenied, "this key is of kind '" + std::string(ToString(principal.kind)) +
                                                  "', which may not '" + std::string(ToString(verb)) + "'; use " +
                                                  (IsOfSdk(verb) ? "a server key" : "an admin key"));
  }
  if (!Covers(principal.project, resource.project, resource.any_part)) {
    return Fail(ErrorCode::kPermissionDenied, "this key belongs to project '" + principal.project + "'; '" +
                                                  std::string(ToString(verb)) + "' is asked for " + PlaceOf(resource));
  }
  if (!Covers(principal.environment, resource.environment, resource.any_part)) {
    return Fail(ErrorCode::kPermissionDenied, "this key belongs to environment '" + principal.environment + "'; '" +
                                                  std::string(ToString(verb)) + "' is asked for " + PlaceOf(resource));
  }
  if (principal.kind != KeyKind::kAdmin) return {};
  const bool granted = std::any_of(principal.grants.begin(), principal.grants.end(), [&](const Grant& grant) {
    return grant.verbs.Has(verb) && Covers(grant, resource);
  });
  if (granted) return {};
  const std::string right = "no right to '" + std::string(ToString(verb)) + "' " + PlaceOf(resource);
  if (!principal.session.empty()) {
    return Fail(ErrorCode::kPermissionDenied,
                "who is signed in (" + principal.id + ") has " + right + "; ask an owner for a role that has it");
  }
  return Fail(ErrorCode::kPermissionDenied, "this key has " + right + "; use a key of a role that has it");
}

Status AuthorizeGiving(const Principal& principal, const std::vector<Grant>& grants) {
  for (const Grant& grant : grants) {
    for (const Verb verb : kVerbs) {
      if (!grant.verbs.Has(verb)) continue;
      if (Status held = Authorize(principal, verb, {grant.project, grant.environment}); !held) {
        return Fail(ErrorCode::kPermissionDenied, "nobody can give more than they hold: " + held.error().message);
      }
    }
  }
  return {};
}

}  // namespace guidon
