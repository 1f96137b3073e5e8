#include "server/http/message.h"

#include <algorithm>

#include "core/base/json.h"

namespace guidon::http {
namespace {

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool EqualWithoutCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return Lower(x) == Lower(y); });
}

template <typename Pairs, typename Same>
std::string_view FindIn(const Pairs& pairs, std::string_view name, Same same) {
  for (const auto& [key, value] : pairs) {
    if (same(key, name)) return value;
  }
  return {};
}

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Cuts the text before the next `separator` off `rest`.
std::string_view NextItem(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view item = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return Trim(item);
}

// "q=0", "Q=0.000"
bool IsZeroWeight(std::string_view parameter) {
  return EqualWithoutCase(parameter.substr(0, 2), "q=") &&
         parameter.find_first_of("123456789") == std::string_view::npos;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string_view Request::Header(std::string_view name) const {
  return FindIn(headers, name, EqualWithoutCase);
}
std::string_view Request::Param(std::string_view name) const {
  return FindIn(params, name, [](std::string_view a, std::string_view b) { return a == b; });
}
std::string_view Request::Query(std::string_view name) const {
  return FindIn(query, name, [](std::string_view a, std::string_view b) { return a == b; });
}

bool PercentDecode(std::string_view text, bool is_query, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && is_query) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (i + 2 >= text.size() || HexDigit(text[i + 1]) < 0 || HexDigit(text[i + 2]) < 0) return false;
      out += static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]));
      i += 2;
    }
  }
  return IsValidUtf8(out) && out.find('\0') == std::string::npos;
}

bool MatchesEtag(std::string_view if_none_match, std::string_view etag) {
  while (!if_none_match.empty()) {
    std::string_view item = NextItem(if_none_match, ',');
    if (item == "*") return true;
    if (item.starts_with("W/")) item.remove_prefix(2);  // If-None-Match compares weakly, RFC 9110 13.1.2
    if (item.size() >= 2 && item.front() == '"' && item.back() == '"' && item.substr(1, item.size() - 2) == etag) {
      return true;
    }
  }
  return false;
}

bool AcceptsGzip(std::string_view accept_encoding) {
  bool by_star = false;
  while (!accept_encoding.empty()) {
    std::string_view parameters = NextItem(accept_encoding, ',');
    const std::string_view coding = NextItem(parameters, ';');
    const bool accepts = !IsZeroWeight(Trim(parameters));
    if (EqualWithoutCase(coding, "gzip")) return accepts;  // what is said about it by name counts
    if (coding == "*") by_star = accepts;
  }
  return by_star;
}

}  // namespace guidon::http
