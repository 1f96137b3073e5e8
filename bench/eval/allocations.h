// Counts allocations, and makes them fail on request, by replacing operator new in every program that links it.
//
// Thread safety: a count for each thread.
#pragma once

#include <cstdint>

namespace guidon::bench {

// Calls of any operator new by this thread so far.
std::uint64_t Allocations() noexcept;

// So many more calls of this thread get memory, then none does. Negative: all do, as at first.
void AllowAllocations(std::int64_t count) noexcept;

// For threads that are somebody else's: those that called Volunteer() get no memory while FailVolunteers(true) holds.
// Refused() is how often they did not.
void Volunteer() noexcept;
void FailVolunteers(bool fail) noexcept;
std::uint64_t Refused() noexcept;

}  // namespace guidon::bench
