// What a change may alter, for one principal: rights, and the protection of environments.
//
// Thread safety: pure functions, but for the look at who may do what; a permit may be called from any thread, as often
// as one likes.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "core/base/result.h"
#include "server/api/api.h"
#include "server/api/requests.h"
#include "server/auth/authenticator.h"
#include "server/auth/authorize.h"
#include "server/catalog/catalog.h"

namespace guidon {

// What becomes of a change that alters protected environments.
enum class Guard : std::uint8_t {
  kRefused,   // ChangeRequestRequired(), which says how to open a change request
  kOverride,  // an emergency: takes kOverride in each of them
  kApproved,  // somebody else looks at the approvals
};

// `verb` in every environment that the change alters, kManage in all of the project when it changes that, and what
// `guard` says of protected ones. Where protection is lifted (Alteration::lifted) it takes kOverride and an emergency,
// whatever is approved. kPermissionDenied names the environments in which the right is missing.
Permit PermitTo(Verb verb, const Principal& who, const std::string& project, Guard guard);

// Of whoever the address has let in to change a project or an environment of it: only where they lift protection is
// more asked, as above.
Permit PermitToManage(const Principal& who, const std::string& project, Guard guard);

// The same of somebody who is not here, by what they may do now: "key:SELECTOR" or "member:ID"
// (Authenticator::StandingOf). Approvals are looked at by somebody else. The authenticator outlives it.
Permit PermitOf(const Authenticator& authenticator, Verb verb, const std::string& principal,
                const std::string& project);

// The author and the permit of a direct change: one that alters protected environments is refused, unless it is an
// emergency. The comment stays. kInvalid: the emergency has no reason, or too long a one.
template <typename Request>
Status ReadStanding(const Call& call, Request& request) {
  const Result<std::string> emergency = ReadEmergency(call.request);
  if (!emergency) return Fail(emergency.error());
  const std::string comment = std::move(request.author.comment);
  request.author = AuthorOf(call);
  request.author.comment = comment;
  request.author.emergency = *emergency;
  request.permit = PermitTo(Verb::kWrite, call.who, std::string(call.request.Param("project")),
                            emergency->empty() ? Guard::kRefused : Guard::kOverride);
  return {};
}

inline constexpr std::size_t kMaxEmergencyBytes = 1'024;  // of the reason

}  // namespace guidon
