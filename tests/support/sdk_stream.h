// A stream of /sdk/v1/stream, read by a client that checks everything it is told (stream_client.h).
//
//   SdkStream stream(server.port(), sdk_key);
//   ASSERT_TRUE(stream.ReadUntil([&] { return stream.client().revision() == 7; })) << stream.fault();
//
// Thread safety: one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/support/http.h"
#include "tests/support/stream_client.h"

namespace guidon::testing {

class SdkStream {
 public:
  // Connects; see status(). `last_event_id` resumes.
  SdkStream(std::uint16_t port, const std::string& key, const std::string& last_event_id = "");

  int status() const { return head_.status; }
  const StreamClient& client() const { return client_; }
  const std::string& fault() const { return fault_; }  // what the client objects to, or how the stream ended

  // Reads until it holds; false when the stream ends, breaks a promise, or it takes too long.
  bool ReadUntil(const std::function<bool()>& holds, std::chrono::milliseconds patience = kPatience);
  // Reads to the end of the connection.
  bool ReadToEnd(std::chrono::milliseconds patience = kPatience);

  HttpConnection& connection() { return connection_; }

 private:
  HttpConnection connection_;
  HttpAnswer head_;
  StreamClient client_;
  std::string fault_;
};

}  // namespace guidon::testing
