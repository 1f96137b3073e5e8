#include "net/sse.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstdint>

namespace guidon::net {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::size_t FindLineEnd(std::string_view text) {
  const auto* end = std::find_if(text.data(), text.data() + text.size(), [](char c) { return c == '\n' || c == '\r'; });
  return static_cast<std::size_t>(end - text.data());
}

// Digits only, as the standard asks; a number beyond a day is a day.
std::optional<std::chrono::milliseconds> ParseRetry(std::string_view digits) {
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  constexpr std::chrono::milliseconds kMost = std::chrono::hours(24);
  std::int64_t count = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (result.ec != std::errc() || count > kMost.count()) return kMost;
  return std::chrono::milliseconds(count);
}

[[maybe_unused]] bool IsOneLine(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

}  // namespace

bool SseParser::Feed(std::string_view bytes, const Handler& handle) {
  while (!failed_ && !bytes.empty()) {
    if (after_cr_) {
      after_cr_ = false;
      if (bytes.front() == '\n') {
        bytes.remove_prefix(1);
        continue;
      }
    }
    const std::size_t end = FindLineEnd(bytes);
    if (line_.size() + end > limits_.max_line_bytes) {
      failed_ = true;
      break;
    }
    if (end == bytes.size()) {
      line_.append(bytes);
      break;
    }
    after_cr_ = bytes[end] == '\r';
    if (line_.empty()) {
      failed_ = !TakeLine(bytes.substr(0, end), handle);
    } else {
      line_.append(bytes.substr(0, end));
      failed_ = !TakeLine(line_, handle);
      line_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
  if (failed_) Reset(), failed_ = true;
  return !failed_;
}

void SseParser::Reset() {
  line_ = std::string();
  after_cr_ = false;
  at_start_ = true;
  failed_ = false;
  event_ = SseEvent{{}, {}, last_id_};
  has_data_ = false;
}

bool SseParser::TakeLine(std::string_view line, const Handler& handle) {
  if (at_start_) {
    at_start_ = false;
    if (line.substr(0, kByteOrderMark.size()) == kByteOrderMark) line.remove_prefix(kByteOrderMark.size());
  }
  if (line.empty()) {
    Dispatch(handle);
    return true;
  }
  const std::size_t colon = line.find(':');
  if (colon == 0) return true;  // a comment
  std::string_view value;
  if (colon != std::string_view::npos) {
    value = line.substr(colon + 1);
    if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  }
  return TakeField(line.substr(0, colon), value);
}

bool SseParser::TakeField(std::string_view name, std::string_view value) {
  if (name == "data") {
    const std::size_t size = event_.data.size() + value.size() + (has_data_ ? 1 : 0);
    if (size > limits_.max_event_bytes) return false;
    if (has_data_) event_.data.push_back('\n');
    event_.data.append(value);
    has_data_ = true;
  } else if (name == "event") {
    event_.type = value;
  } else if (name == "id") {
    if (value.find('\0') == std::string_view::npos) event_.id = value;
  } else if (name == "retry") {
    if (const auto retry = ParseRetry(value)) retry_ = retry;
  }
  return true;
}

void SseParser::Dispatch(const Handler& handle) {
  last_id_ = event_.id;
  if (has_data_) {
    if (event_.type.empty()) event_.type = "message";
    handle(event_);
  }
  event_.type.clear();
  event_.data.clear();
  has_data_ = false;
}

void AppendSse(std::string& out, std::string_view type, std::string_view data, std::string_view id) {
  assert(IsOneLine(type) && IsOneLine(id));
  out.append("event: ").append(type).push_back('\n');
  if (!id.empty()) out.append("id: ").append(id).push_back('\n');
  while (true) {
    const std::size_t end = FindLineEnd(data);
    out.append("data: ").append(data.substr(0, end)).push_back('\n');
    if (end == data.size()) break;
    const bool crlf = data[end] == '\r' && end + 1 < data.size() && data[end + 1] == '\n';
    data.remove_prefix(end + (crlf ? 2 : 1));
  }
  out.push_back('\n');
}

void AppendSseRetry(std::string& out, std::chrono::milliseconds delay) {
  out.append("retry: ").append(std::to_string(delay.count())).append("\n\n");
}

void AppendSseComment(std::string& out, std::string_view text) {
  assert(IsOneLine(text));
  out.append(": ").append(text).append("\n\n");
}

}  // namespace guidon::net
