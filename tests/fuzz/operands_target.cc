#include "core/model/units.h"
#include "core/ruleset/compiled.h"
#include "tests/fuzz/targets.h"

namespace guidon::fuzz {
namespace {

// What one form reads, its writer writes, and reads back.
template <typename Parse, typename Format>
void RoundTrip(std::string_view text, Parse parse, Format format) {
  const auto value = parse(text);
  if (!value) return;
  const auto again = parse(format(*value));
  Require(again && *again == *value, std::string(text) + " is written as " + format(*value));
}

void CheckVersions(std::string_view text) {
  // Two versions, when there are two lines.
  const std::size_t end = text.find('\n');
  SemVer a, b;
  if (!ParseSemVer(text.substr(0, end), a)) return;
  Require(Compare(a, a) == 0, "a version equals itself");
  if (end == std::string_view::npos || !ParseSemVer(text.substr(end + 1), b)) return;
  Require(Compare(a, b) == -Compare(b, a), "versions have one order");
}

void CheckNetworks(std::string_view text) {
  const std::size_t end = text.find('\n');
  Network network, address;
  if (!ParseNetwork(text.substr(0, end), network)) return;
  Require(network.bits <= (network.is_v6 ? 128 : 32), "a network has no more bits than its addresses");
  Require(Contains(network, network), "a network contains its own address");
  if (end != std::string_view::npos && ParseNetwork(text.substr(end + 1), address)) Contains(network, address);
}

}  // namespace

void Operands(std::string_view input) {
  RoundTrip(input, ParsePercent, FormatPercent);
  RoundTrip(input, ParseDuration, FormatDuration);
  RoundTrip(input, ParseDay, FormatDay);
  RoundTrip(input, ParseTimestamp, FormatTimestamp);
  RoundTrip(input, ParseMargin, FormatMargin);
  Require(ParseTime(input) == ParseTimestamp(input), "rules and contexts read times alike: " + std::string(input));
  CheckVersions(input);
  CheckNetworks(input);
}

}  // namespace guidon::fuzz
