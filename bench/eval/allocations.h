// Counts allocations by replacing operator new in every program that links it.
//
// Thread safety: a count for each thread.
#pragma once

#include <cstdint>

namespace guidon::bench {

// Calls of any operator new by this thread so far.
std::uint64_t Allocations() noexcept;

}  // namespace guidon::bench
