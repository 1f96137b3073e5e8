#include "server/api/permits.h"

namespace guidon {
namespace {

// "'production', 'staging'" of those in which it is missing.
template <typename Names>
std::string Missing(const Principal& who, Verb verb, const std::string& project, const Names& names) {
  std::string missing;
  for (const std::string& name : names) {
    if (Authorize(who, verb, {project, name})) continue;
    missing += (missing.empty() ? "'" : ", '") + name + "'";
  }
  return missing;
}

std::vector<std::string> NamesOf(const std::vector<ProtectedEnvironment>& environments) {
  std::vector<std::string> names;
  for (const ProtectedEnvironment& environment : environments) names.push_back(environment.name);
  return names;
}

Error ApprovalNeeded(const std::string& project, const std::vector<ProtectedEnvironment>& guarded) {
  std::string names;
  for (const ProtectedEnvironment& environment : guarded) {
    const std::uint32_t required = environment.required_approvals;
    names += (names.empty() ? "'" : ", '") + environment.name + "' (" + std::to_string(required) +
             (required == 1 ? " approval)" : " approvals)");
  }
  return ChangeRequestRequired("this change would alter protected environments: " + names +
                               "; nothing was written. Open a change request: " +
                               "the same command with --request TITLE, guidon change open, or POST /api/v1/projects/" +
                               project + "/change-requests");
}

// What takes approvals away is looked at by nobody else, and has to be told as an emergency is.
Status MayLift(const Principal& who, const std::string& project, const Alteration& alteration, Guard guard) {
  if (alteration.lifted.empty()) return {};
  const std::vector<std::string> lifted = NamesOf(alteration.lifted);
  const std::string missing = Missing(who, Verb::kOverride, project, lifted);
  if (!missing.empty()) {
    return Fail(ErrorCode::kPermissionDenied,
                "to take protection from environments, or approvals, takes the right to '" +
                    std::string(ToString(Verb::kOverride)) + "', which this key lacks in " + missing +
                    "; nothing was written");
  }
  if (guard == Guard::kOverride) return {};
  std::string names;
  for (const std::string& name : lifted) names += (names.empty() ? "'" : ", '") + name + "'";
  return Fail(ErrorCode::kConflict, "this change would take protection, or approvals, from " + names +
                                        ", and nobody else would look at it; nothing was written. Say why: "
                                        "--emergency --reason TEXT, or ?emergency=REASON");
}

}  // namespace

// Who may not change everything of the project is asked about each environment that the change alters. The address has
// let in whoever may change something.
Permit PermitTo(Verb verb, const Principal& who, const std::string& project, Guard guard) {
  return [verb, who, project, guard](const Alteration& alteration) -> Status {
    if (alteration.project) {
      if (Status managed = Authorize(who, Verb::kManage, {project, ""}); !managed) return managed;
    }
    if (const std::string missing = Missing(who, verb, project, alteration.environments); !missing.empty()) {
      return Fail(ErrorCode::kPermissionDenied,
                  "this change would alter environments in which this key has no right to '" +
                      std::string(ToString(verb)) + "': " + missing + "; nothing was written");
    }
    if (!alteration.guarded.empty() && guard == Guard::kRefused) {
      return Fail(ApprovalNeeded(project, alteration.guarded));
    }
    if (Status lifts = MayLift(who, project, alteration, guard); !lifts) return lifts;
    if (guard != Guard::kOverride) return {};
    const std::string missing = Missing(who, Verb::kOverride, project, NamesOf(alteration.guarded));
    if (missing.empty()) return {};
    return Fail(ErrorCode::kPermissionDenied,
                "in an emergency too, this change takes the right to '" + std::string(ToString(Verb::kOverride)) +
                    "' in protected environments, which this key lacks in " + missing + "; nothing was written");
  };
}

Permit PermitToManage(const Principal& who, const std::string& project, Guard guard) {
  return [who, project, guard](const Alteration& alteration) { return MayLift(who, project, alteration, guard); };
}

Permit PermitOf(const Authenticator& authenticator, Verb verb, const std::string& principal,
                const std::string& project) {
  if (const std::optional<Principal> who = authenticator.StandingOf(principal)) {
    return PermitTo(verb, *who, project, Guard::kApproved);
  }
  return [](const Alteration&) -> Status {
    return Fail(ErrorCode::kPermissionDenied, "it was revoked, has expired or is gone");
  };
}

}  // namespace guidon
