#include "lsp/framing.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace guidon::lsp {
namespace {

std::string_view Trimmed(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t\r"), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(" \t\r") + 1);
}

bool IsNamed(std::string_view field, std::string_view name) {
  return std::equal(field.begin(), field.end(), name.begin(), name.end(),
                    [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

// Of the lines of a header; nothing: it does not say, or no number.
std::optional<std::size_t> LengthIn(std::string_view header) {
  std::optional<std::size_t> length;
  while (!header.empty()) {
    const std::size_t end = std::min(header.find('\n'), header.size());
    const std::string_view line = header.substr(0, end);
    header.remove_prefix(std::min(end + 1, header.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !IsNamed(Trimmed(line.substr(0, colon)), "content-length")) continue;
    const std::string_view digits = Trimmed(line.substr(colon + 1));
    std::size_t number = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) return std::nullopt;
    length = number;
  }
  return length;
}

}  // namespace

void FrameReader::Feed(std::string_view bytes) {
  if (is_broken_) return;
  held_.erase(0, at_);
  at_ = 0;
  const std::size_t skipped = std::min(skip_, bytes.size());
  skip_ -= skipped;
  held_ += bytes.substr(skipped);
}

std::optional<Frame> FrameReader::Break(std::string why) {
  is_broken_ = true;
  held_.clear();
  at_ = 0;
  return Frame{Frame::Kind::kBroken, std::move(why)};
}

std::optional<Frame> FrameReader::Next() {
  if (is_broken_ || skip_ > 0) return std::nullopt;
  const std::string_view rest = std::string_view(held_).substr(at_);
  const std::string_view head = rest.substr(0, kMaxHeaderBytes);
  std::size_t end = head.find("\r\n\r\n"), body = end + 4;
  if (const std::size_t bare = head.find("\n\n"); bare < end) end = bare, body = bare + 2;
  if (end == std::string_view::npos) {
    if (rest.size() < kMaxHeaderBytes) return std::nullopt;
    return Break("a header has more than " + std::to_string(kMaxHeaderBytes) + " bytes");
  }
  const std::optional<std::size_t> length = LengthIn(head.substr(0, end));
  if (!length) return Break("a header without a Content-Length");
  if (*length > kMaxBodyBytes) {
    const std::size_t held = std::min(*length, rest.size() - body);
    at_ += body + held;
    skip_ = *length - held;
    return Frame{Frame::Kind::kTooLarge, "a message has more than " + std::to_string(kMaxBodyBytes >> 20) + " MiB"};
  }
  if (rest.size() - body < *length) return std::nullopt;
  Frame frame{Frame::Kind::kMessage, std::string(rest.substr(body, *length))};
  at_ += body + *length;
  return frame;
}

std::string Framed(std::string_view json) {
  return "Content-Length: " + std::to_string(json.size()) + "\r\n\r\n" + std::string(json);
}

}  // namespace guidon::lsp
