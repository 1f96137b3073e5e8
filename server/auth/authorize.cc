#include "server/auth/authorize.h"

#include <array>

namespace guidon {
namespace {

bool KindMay(KeyKind kind, Verb verb) {
  switch (kind) {
    case KeyKind::kAdmin:
      return !IsOfSdk(verb);  // an admin key does not belong into an application
    case KeyKind::kServer:
    case KeyKind::kRelay:
      return IsOfSdk(verb);
    case KeyKind::kClient:
    case KeyKind::kEvents:
      return false;
  }
  return false;
}

// A scope covers a resource when it is unlimited or names the same thing. A resource "of all" needs no limit.
bool Covers(std::string_view scope, std::string_view resource) {
  return scope.empty() || scope == resource;
}

}  // namespace

std::string_view ToString(Verb verb) {
  constexpr std::array<std::string_view, 8> kWords = {"public",           "rules.read",        "events.send",
                                                      "definitions.read", "definitions.write", "projects.manage",
                                                      "keys.manage",      "events.read"};
  return kWords[static_cast<std::size_t>(verb)];
}

Status Authorize(const Principal& principal, Verb verb, const Resource& resource) {
  if (verb == Verb::kPublic) return {};
  if (!KindMay(principal.kind, verb)) {
    return Fail(ErrorCode::kPermissionDenied, "this key is of kind '" + std::string(ToString(principal.kind)) +
                                                  "', which may not '" + std::string(ToString(verb)) + "'; use " +
                                                  (IsOfSdk(verb) ? "a server key" : "an admin key"));
  }
  if (!Covers(principal.project, resource.project)) {
    return Fail(ErrorCode::kPermissionDenied, "this key belongs to project '" + principal.project + "'");
  }
  if (!Covers(principal.environment, resource.environment)) {
    return Fail(ErrorCode::kPermissionDenied, "this key belongs to environment '" + principal.environment + "'");
  }
  return {};
}

}  // namespace guidon
