// Percentages, durations and days as definitions write them: `20%`, `0.2pp`, `48h`, `2027-03-31`.
//
// Thread safety: plain values and pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace guidon {

// A share in parts of 100 000; 1 % is 1 000 parts. Nothing finer than 0.001 % can be written.
inline constexpr std::uint32_t kWhole = 100'000;

// "20%", "0.001%", "100%" -> parts. Nothing else: no sign, no blank, at most three decimals, at most 100 %.
std::optional<std::uint32_t> ParsePercent(std::string_view text);
std::string FormatPercent(std::uint32_t parts);  // "20%", "0.5%"

// "500ms", "10s", "30m", "48h", "14d", "6w"; whole numbers, one unit.
std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text);
std::string FormatDuration(std::chrono::milliseconds duration);  // in the largest unit that keeps it whole

// A UTC day, "2027-03-31".
std::optional<std::chrono::sys_days> ParseDay(std::string_view text);
std::string FormatDay(std::chrono::sys_days day);

// RFC 3339 with zone ("2027-03-31T08:00:00Z", "…+02:00", fractions of a second allowed) -> milliseconds since the
// epoch. The day-only form has no zone and is refused.
std::optional<std::int64_t> ParseTimestamp(std::string_view text);
std::string FormatTimestamp(std::int64_t epoch_ms);  // "2027-03-31T08:00:00.000Z"

// How much worse a guardrail may be: relative `5%` or percentage points `0.2pp`, in thousandths of either.
struct Margin {
  enum class Unit : std::uint8_t { kPercent, kPoints };
  std::uint32_t thousandths = 0;
  Unit unit = Unit::kPercent;
  friend bool operator==(const Margin&, const Margin&) = default;
};
std::optional<Margin> ParseMargin(std::string_view text);
std::string FormatMargin(const Margin& margin);

}  // namespace guidon
