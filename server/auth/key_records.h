// Keys as the store keeps them, through the catalog: there is one writer.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <guidon/value.h>
#include "core/base/result.h"
#include "server/auth/key.h"

namespace guidon {

inline constexpr std::string_view kKeySpace = "key";  // of Catalog::PutItem and Items

std::string EncodeKeyRecord(const KeyRecord& record);
Result<KeyRecord> DecodeKeyRecord(std::string_view id, std::string_view text);

// For people: no verifier. `seen_ms`: when it was last used, as far as that is known; 0: it is not. `ended_ms`: when it
// was revoked although that could not be stored (Authenticator::End).
Value DescribeKey(const KeyRecord& record, std::int64_t seen_ms = 0, std::optional<std::int64_t> ended_ms = {});

}  // namespace guidon
