#include "tests/support/sdk_stream.h"

namespace guidon::testing {

SdkStream::SdkStream(std::uint16_t port, const std::string& key, const std::string& last_event_id) : connection_(port) {
  std::string request = "GET /sdk/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + key + "\r\n";
  if (!last_event_id.empty()) request += "Last-Event-ID: " + last_event_id + "\r\n";
  connection_.Send(request + "\r\n");
  head_ = connection_.ReadHead();
  fault_ = head_.fault;
}

bool SdkStream::ReadUntil(const std::function<bool()>& holds, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const std::string bytes = left.count() > 0 ? connection_.ReadSome(left) : "";
    if (bytes.empty()) {
      fault_ = left.count() > 0 && connection_.IsAtEnd(std::chrono::milliseconds(0)) ? "it ended" : "it took too long";
      return false;
    }
    if (fault_ = client_.Feed(bytes); !fault_.empty()) return false;
  }
  return true;
}

bool SdkStream::ReadToEnd(std::chrono::milliseconds patience) {
  return !ReadUntil([] { return false; }, patience) && fault_ == "it ended";
}

}  // namespace guidon::testing
