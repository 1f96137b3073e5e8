// Random bytes of the operating system: salts and epochs.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <string>

namespace guidon {

std::string RandomBytes(std::size_t size);
std::string NewEpoch();  // 16 characters [a-z0-9]

}  // namespace guidon
