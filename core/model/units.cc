#include "core/model/units.h"

#include <array>
#include <charconv>
#include <limits>

namespace guidon {
namespace {

constexpr std::int64_t kFirstTimestamp = -62'167'219'200'000;  // 0000-01-01T00:00:00Z
constexpr std::int64_t kLastTimestamp = 253'402'300'799'999;   // 9999-12-31T23:59:59.999Z

using std::chrono::milliseconds;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// "12", "0.5", "99.999" -> thousandths. No sign, no blank, at least one digit on each side of the point, at most
// three decimals, no superfluous leading zero.
std::optional<std::uint64_t> ParseThousandths(std::string_view text) {
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view decimals = point == std::string_view::npos ? "" : text.substr(point + 1);
  if (whole.empty() || whole.size() > 9 || (whole.size() > 1 && whole[0] == '0')) return std::nullopt;
  if (point != std::string_view::npos && (decimals.empty() || decimals.size() > 3)) return std::nullopt;
  std::uint64_t thousandths = 0;
  for (char c : whole) {
    if (!IsDigit(c)) return std::nullopt;
    thousandths = thousandths * 10 + static_cast<std::uint64_t>(c - '0');
  }
  for (std::size_t i = 0; i < 3; ++i) {
    const char c = i < decimals.size() ? decimals[i] : '0';
    if (!IsDigit(c)) return std::nullopt;
    thousandths = thousandths * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return thousandths;
}

std::string FormatThousandths(std::uint64_t thousandths) {
  std::string text = std::to_string(thousandths / 1000);
  if (thousandths % 1000 == 0) return text;
  std::string decimals = std::to_string(1000 + thousandths % 1000).substr(1);
  decimals.erase(decimals.find_last_not_of('0') + 1);
  return text + "." + decimals;
}

struct DurationUnit {
  std::string_view suffix;
  std::int64_t ms;
};
constexpr std::array<DurationUnit, 6> kDurationUnits = {
    {{"w", 604'800'000}, {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

// Exactly `size` digits from `pos`.
std::optional<int> Digits(std::string_view text, std::size_t pos, std::size_t size) {
  if (pos + size > text.size()) return std::nullopt;
  int number = 0;
  for (char c : text.substr(pos, size)) {
    if (!IsDigit(c)) return std::nullopt;
    number = number * 10 + (c - '0');
  }
  return number;
}

std::string Padded(std::int64_t number, std::size_t width) {
  std::string text = std::to_string(number);
  return text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

// "Z", "+02:00", "-05:30" at the end of `text`, from `pos`; minutes east of UTC.
std::optional<int> ParseZone(std::string_view text, std::size_t pos) {
  if (pos >= text.size()) return std::nullopt;
  if ((text[pos] == 'Z' || text[pos] == 'z') && pos + 1 == text.size()) return 0;
  if ((text[pos] != '+' && text[pos] != '-') || pos + 6 != text.size() || text[pos + 3] != ':') return std::nullopt;
  const auto hours = Digits(text, pos + 1, 2);
  const auto minutes = Digits(text, pos + 4, 2);
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return (text[pos] == '-' ? -1 : 1) * (*hours * 60 + *minutes);
}

}  // namespace

std::optional<std::uint32_t> ParsePercent(std::string_view text) {
  if (text.empty() || text.back() != '%') return std::nullopt;
  const auto thousandths = ParseThousandths(text.substr(0, text.size() - 1));
  if (!thousandths || *thousandths > kWhole) return std::nullopt;
  return static_cast<std::uint32_t>(*thousandths);
}

std::string FormatPercent(std::uint32_t parts) {
  return FormatThousandths(parts) + "%";
}

std::optional<milliseconds> ParseDuration(std::string_view text) {
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || text.empty() || !IsDigit(text[0])) return std::nullopt;
  const std::string_view suffix = text.substr(static_cast<std::size_t>(read.ptr - text.data()));
  for (const DurationUnit& unit : kDurationUnits) {
    if (suffix != unit.suffix) continue;
    if (number > std::numeric_limits<std::int64_t>::max() / unit.ms) return std::nullopt;
    return milliseconds(number * unit.ms);
  }
  return std::nullopt;
}

std::string FormatDuration(milliseconds duration) {
  // A week is written as days: "14d" reads better than "2w".
  for (const DurationUnit& unit : kDurationUnits) {
    if (unit.suffix != "w" && duration.count() % unit.ms == 0 && duration.count() != 0) {
      return std::to_string(duration.count() / unit.ms) + std::string(unit.suffix);
    }
  }
  return "0s";
}

std::optional<std::chrono::sys_days> ParseDay(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = Digits(text, 0, 4), month = Digits(text, 5, 2), day = Digits(text, 8, 2);
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

std::string FormatDay(std::chrono::sys_days day) {
  const std::chrono::year_month_day date(day);
  return Padded(static_cast<int>(date.year()), 4) + "-" + Padded(static_cast<unsigned>(date.month()), 2) + "-" +
         Padded(static_cast<unsigned>(date.day()), 2);
}

std::optional<std::int64_t> ParseTimestamp(std::string_view text) {
  if (text.size() < 20 || (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  const auto day = ParseDay(text.substr(0, 10));
  const auto hour = Digits(text, 11, 2), minute = Digits(text, 14, 2), second = Digits(text, 17, 2);
  if (!day || !hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  std::size_t pos = 19;
  std::int64_t ms = 0;
  if (text[pos] == '.') {
    const std::size_t first = ++pos;
    for (std::int64_t scale = 100; pos < text.size() && IsDigit(text[pos]); ++pos, scale /= 10) {
      ms += scale * (text[pos] - '0');
    }
    if (pos == first) return std::nullopt;
  }
  const auto zone = ParseZone(text, pos);
  if (!zone) return std::nullopt;
  const std::int64_t days = day->time_since_epoch().count();
  const std::int64_t epoch_ms = ((days * 24 + *hour) * 60 + *minute - *zone) * 60'000 + *second * 1'000 + ms;
  // With its zone, a time of the first or the last day can lie in a year that has no four digits.
  if (epoch_ms < kFirstTimestamp || epoch_ms > kLastTimestamp) return std::nullopt;
  return epoch_ms;
}

std::string FormatTimestamp(std::int64_t epoch_ms) {
  const std::chrono::sys_time<milliseconds> time{milliseconds(epoch_ms)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::int64_t ms = (time - day).count();
  return FormatDay(day) + "T" + Padded(ms / 3'600'000, 2) + ":" + Padded(ms / 60'000 % 60, 2) + ":" +
         Padded(ms / 1'000 % 60, 2) + "." + Padded(ms % 1'000, 3) + "Z";
}

std::optional<Margin> ParseMargin(std::string_view text) {
  Margin margin;
  if (text.ends_with("pp")) {
    margin.unit = Margin::Unit::kPoints;
    text.remove_suffix(2);
  } else if (text.ends_with("%")) {
    text.remove_suffix(1);
  } else {
    return std::nullopt;
  }
  const auto thousandths = ParseThousandths(text);
  if (!thousandths || *thousandths > kWhole) return std::nullopt;
  margin.thousandths = static_cast<std::uint32_t>(*thousandths);
  return margin;
}

std::string FormatMargin(const Margin& margin) {
  return FormatThousandths(margin.thousandths) + (margin.unit == Margin::Unit::kPoints ? "pp" : "%");
}

}  // namespace guidon
