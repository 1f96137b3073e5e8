// The head of an answer as bytes: status line, what HTTP asks for, and what the handler said. Internal to the http
// room.
//
// Thread safety: pure functions; an HttpDate belongs to one thread.
#pragma once

#include <cstddef>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/message.h"

namespace guidon::http {

// The value of `Date`, written once a second.
class HttpDate {
 public:
  // "Sun, 29 Nov 2026 08:00:00 GMT", of now. Valid until the next call.
  std::string_view Now();

 private:
  std::time_t second_ = -1;
  std::string text_;
};

struct AnswerHead {
  unsigned version = 11;  // of the request: 10 or 11
  bool keep_alive = true;
  std::optional<std::size_t> content_length = {};  // none of 204, 304 and streams
  std::string_view date = {};
};

// Down to the empty line. Values are those of the server or come from a header that was read, so none has a line break.
void AppendAnswerHead(std::string& out, const Response& response, const AnswerHead& head);

}  // namespace guidon::http
