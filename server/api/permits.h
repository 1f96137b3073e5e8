// What a change may alter, for one principal: rights, and the protection of environments.
//
// Thread safety: pure functions; a permit may be called from any thread, as often as one likes.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
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
// `guard` says of protected ones. kPermissionDenied names the environments in which the right is missing.
Permit PermitTo(Verb verb, const Principal& who, const std::string& project, Guard guard);

inline constexpr std::size_t kMaxEmergencyBytes = 1'024;  // of the reason

}  // namespace guidon
