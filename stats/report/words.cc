#include "stats/report/words.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace guidon::stats {
namespace {

constexpr std::string_view kMinus = "\xE2\x88\x92";  // − : as wide as a +

std::string Fixed(double number, int decimals) {
  std::array<char, 512> text;
  const int size = std::snprintf(text.data(), text.size(), "%.*f", decimals, number);
  return std::string(text.data(), static_cast<std::size_t>(size));
}

// "1234567" -> "1,234,567"; digits only.
std::string Grouped(std::string digits) {
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

// "5.00" -> "5"; digits behind a point only.
std::string WithoutZeros(std::string digits) {
  if (digits.find('.') == std::string::npos) return digits;
  while (digits.ends_with('0')) digits.pop_back();
  if (digits.ends_with('.')) digits.pop_back();
  return digits;
}

std::string Signed(double number, const std::string& magnitude) {
  return std::string(number < 0 ? kMinus : std::string_view("+")) + magnitude;
}

// Decimals that leave about three significant digits, at least `least`, at most 6.
int DecimalsFor(double magnitude, int least) {
  if (!(magnitude > 0) || !std::isfinite(magnitude)) return least;
  return std::clamp(2 - static_cast<int>(std::floor(std::log10(magnitude))), least, 6);
}

std::string Infinite(double number) {
  return number < 0 ? std::string(kMinus) + "\xE2\x88\x9E" : "+\xE2\x88\x9E";
}

// Of an effect in percent: two decimals, more only for what would be 0.00 otherwise.
std::string PercentMagnitude(double percent) {
  const double magnitude = std::fabs(percent);
  if (magnitude >= 1'000) return Grouped(Fixed(magnitude, 0));
  if (magnitude >= 100) return Fixed(magnitude, 1);
  if (magnitude >= 0.01 || magnitude < 0.00005) return Fixed(magnitude, 2);
  return Fixed(magnitude, 4);
}

}  // namespace

std::string CountText(std::uint64_t count) {
  return Grouped(std::to_string(count));
}

std::string CountText(double count) {
  if (!(count > 0)) return "0";
  if (count > 1e18) return "more than 10^18";
  return CountText(static_cast<std::uint64_t>(std::llround(count)));
}

std::string NumberText(double number) {
  if (!std::isfinite(number)) return Infinite(number);
  const double magnitude = std::fabs(number);
  std::string text;
  if (magnitude >= 1e15 || (magnitude > 0 && magnitude < 1e-5)) {
    std::array<char, 64> raw;
    const int size = std::snprintf(raw.data(), raw.size(), "%.2e", magnitude);
    text.assign(raw.data(), static_cast<std::size_t>(size));
  } else if (magnitude >= 1'000) {
    text = Grouped(Fixed(magnitude, 0));
  } else {
    text = Fixed(magnitude, DecimalsFor(magnitude, 0));
  }
  return number < 0 ? std::string(kMinus) + text : text;
}

std::string LiftText(double share) {
  if (!std::isfinite(share)) return Infinite(share);
  return Signed(share, PercentMagnitude(share * 100)) + "%";
}

std::string ShareText(double share) {
  const double percent = std::fabs(share) * 100;
  const std::string text = Fixed(percent, percent >= 10 || percent == 0 ? 1 : DecimalsFor(percent, 2)) + "%";
  return share < 0 ? std::string(kMinus) + text : text;
}

std::string PlainNumberText(double number) {
  return WithoutZeros(Fixed(number, 6));
}

std::string PlainShareText(double share) {
  return WithoutZeros(Fixed(share * 100, 3)) + "%";
}

std::string ChanceText(double chance) {
  if (chance > 0.999) return ">99.9%";
  if (chance < 0.001) return "<0.1%";
  return ShareText(chance);
}

std::string EffectText(double effect, bool is_relative, bool is_share) {
  if (is_relative) return LiftText(effect);
  if (!std::isfinite(effect)) return Infinite(effect);
  if (is_share) return Signed(effect, PercentMagnitude(effect * 100)) + "pp";
  const std::string text = NumberText(std::fabs(effect));
  return Signed(effect, text);
}

std::string TickText(double effect, bool is_relative, bool is_share) {
  if (effect == 0) return "0";
  const std::string text = EffectText(effect, is_relative, is_share);
  const std::size_t end = text.find_first_of("%p");
  if (end == std::string::npos) return WithoutZeros(text);
  return WithoutZeros(text.substr(0, end)) + text.substr(end);
}

std::string IntervalText(const Interval& interval, bool is_relative, bool is_share) {
  return EffectText(interval.lower, is_relative, is_share) + " \xE2\x80\xA6 " +
         EffectText(interval.upper, is_relative, is_share);
}

std::string MeanText(double mean, bool is_share) {
  return is_share ? ShareText(mean) : NumberText(mean);
}

std::string ProbabilityText(double p) {
  if (p < 0.0001) return "<0.0001";
  if (p < 0.001) return Fixed(p, 4);
  return Fixed(std::min(p, 1.0), 3);
}

std::string StampText(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time) - day);
  std::array<char, 32> text;
  const int size = std::snprintf(text.data(), text.size(), "T%02d:%02d:%02dZ", static_cast<int>(clock.hours().count()),
                                 static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
  return DayText(time) + std::string(text.data(), static_cast<std::size_t>(size));
}

std::string TimeText(Time time) {
  const std::string stamp = StampText(time);
  const std::size_t t = stamp.find('T');
  return stamp.substr(0, t) + " " + stamp.substr(t + 1, 5) + " UTC";
}

std::string DayText(std::int32_t day) {
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  std::array<char, 48> text;
  const int size = std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(date.year()),
                                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return std::string(text.data(), static_cast<std::size_t>(size));
}

std::string DayText(Time time) {
  return DayText(static_cast<std::int32_t>(std::chrono::floor<std::chrono::days>(time).time_since_epoch().count()));
}

std::string DaysText(double days) {
  if (days < 1) return PluralText(static_cast<std::uint64_t>(std::max(0.0, std::floor(days * 24))), "hour");
  return PluralText(static_cast<std::uint64_t>(std::floor(days)), "day");
}

std::string PluralText(std::uint64_t count, std::string_view one) {
  return CountText(count) + " " + std::string(one) + (count == 1 ? "" : "s");
}

std::string MethodText(PlanMethod method) {
  switch (method) {
    case PlanMethod::kGroupSequential:
      return "group sequential";
    case PlanMethod::kSequential:
      return "sequential";
    case PlanMethod::kFixed:
      break;
  }
  return "fixed horizon";
}

std::string DecisionText(Decision decision) {
  switch (decision) {
    case Decision::kShip:
      return "Ship";
    case Decision::kStopForHarm:
      return "Stop: it does harm";
    case Decision::kStopForFutility:
      return "Stop: no use in going on";
    case Decision::kKeepRunning:
      return "Keep running";
    case Decision::kInconclusive:
      return "Inconclusive";
    case Decision::kCannotSay:
      break;
  }
  return "No verdict";
}

std::string ListText(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  return text;
}

bool IsShare(const std::string& kind) {
  return kind == "conversion" || kind == "retention" || kind == "funnel";
}

}  // namespace guidon::stats
