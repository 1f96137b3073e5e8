#include "core/ruleset/compiled.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "core/model/units.h"

namespace guidon {
namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsSemVerNumber(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsDigit) && (text.size() == 1 || text[0] != '0');
}

// Cuts up to the next dot.
std::string_view NextIdentifier(std::string_view& rest) {
  const std::size_t dot = rest.find('.');
  const std::string_view part = rest.substr(0, dot);
  rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
  return part;
}

// Dot-separated identifiers of [0-9A-Za-z-]; in a prerelease numbers have no leading zero.
bool AreIdentifiers(std::string_view text, bool is_prerelease) {
  if (text.empty() || text.back() == '.') return false;
  while (!text.empty()) {
    const std::string_view part = NextIdentifier(text);
    if (part.empty()) return false;
    const bool plain = std::all_of(part.begin(), part.end(), [](char c) {
      return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
    });
    if (!plain) return false;
    const bool numeric = std::all_of(part.begin(), part.end(), IsDigit);
    if (is_prerelease && numeric && part.size() > 1 && part[0] == '0') return false;
  }
  return true;
}

int Sign(int order) {
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

// Of any size: longer is larger, there are no leading zeros.
int CompareNumbers(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return Sign(a.compare(b));
}

int ComparePrerelease(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return a.empty() == b.empty() ? 0 : a.empty() ? 1 : -1;
  while (!a.empty() && !b.empty()) {
    const std::string_view x = NextIdentifier(a), y = NextIdentifier(b);
    const bool x_number = std::all_of(x.begin(), x.end(), IsDigit), y_number = std::all_of(y.begin(), y.end(), IsDigit);
    int order;
    if (x_number && y_number) {
      order = CompareNumbers(x, y);
    } else if (x_number != y_number) {
      order = x_number ? -1 : 1;
    } else {
      order = Sign(x.compare(y));
    }
    if (order != 0) return order;
  }
  return a.empty() == b.empty() ? 0 : a.empty() ? -1 : 1;
}

}  // namespace

AttributeRef MakeAttribute(std::string_view name) {
  AttributeRef ref;
  ref.name = name;
  ref.hash = Attribute::HashOf(name);
  ref.is_key = name == "key" || name.empty();
  std::size_t start = 0;
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', start)) {
    ref.path.emplace_back(name.substr(start, dot - start));
    start = dot + 1;
  }
  if (!ref.path.empty()) ref.path.emplace_back(name.substr(start));
  ref.is_path = !ref.path.empty();
  return ref;
}

bool ParseSemVer(std::string_view text, SemVer& out) noexcept {
  const std::size_t plus = text.find('+');
  if (plus != std::string_view::npos) {
    if (!AreIdentifiers(text.substr(plus + 1), false)) return false;
    text = text.substr(0, plus);
  }
  out.prerelease = {};
  const std::size_t dash = text.find('-');
  if (dash != std::string_view::npos) {
    out.prerelease = text.substr(dash + 1);
    if (!AreIdentifiers(out.prerelease, true)) return false;
    text = text.substr(0, dash);
  }
  if (std::count(text.begin(), text.end(), '.') != 2) return false;
  for (std::string_view& number : out.numbers) {
    number = NextIdentifier(text);
    if (!IsSemVerNumber(number)) return false;
  }
  return true;
}

int Compare(const SemVer& a, const SemVer& b) noexcept {
  for (std::size_t i = 0; i < 3; ++i) {
    if (const int order = CompareNumbers(a.numbers[i], b.numbers[i])) return order;
  }
  return ComparePrerelease(a.prerelease, b.prerelease);
}

std::optional<std::int64_t> ParseTime(std::string_view text) noexcept {
  return ParseTimestamp(text);
}

bool ParseNetwork(std::string_view text, Network& out) noexcept {
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  char terminated[INET6_ADDRSTRLEN];
  if (address.empty() || address.size() >= sizeof terminated) return false;
  std::memcpy(terminated, address.data(), address.size());
  terminated[address.size()] = '\0';
  out = Network();
  out.is_v6 = address.find(':') != std::string_view::npos;
  if (inet_pton(out.is_v6 ? AF_INET6 : AF_INET, terminated, out.address.data()) != 1) return false;
  const int all = out.is_v6 ? 128 : 32;
  out.bits = static_cast<std::uint8_t>(all);
  if (slash == std::string_view::npos) return true;
  const std::string_view digits = text.substr(slash + 1);
  if (!IsSemVerNumber(digits) || digits.size() > 3) return false;
  int bits = 0;
  for (const char c : digits) bits = bits * 10 + (c - '0');
  if (bits > all) return false;
  out.bits = static_cast<std::uint8_t>(bits);
  return true;
}

bool Contains(const Network& network, const Network& address) noexcept {
  if (network.is_v6 != address.is_v6) return false;
  const std::size_t bytes = network.bits / 8;
  if (std::memcmp(network.address.data(), address.address.data(), bytes) != 0) return false;
  const unsigned rest = network.bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<unsigned>(0xff00u >> rest) & 0xffu;
  return (network.address[bytes] & mask) == (address.address[bytes] & mask);
}

}  // namespace guidon
