// Server-sent events: bytes of a text/event-stream to events and back, as the WHATWG HTML standard has them.
//
//   SseParser parser;
//   while (Read(&chunk)) {
//     if (!parser.Feed(chunk, [&](const SseEvent& event) { Handle(event); })) break;   // beyond a limit: reconnect
//   }
//
// Lines end in LF, CR or CRLF; a byte order mark at the beginning is skipped; a line that begins with a colon is a
// comment; `data` lines are joined by LF; an event without a `data` line is none. However the bytes are cut into
// chunks, the events are the same. Bytes are passed on as they are: nobody checks here that they are UTF-8.
//
// Thread safety: plain objects.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace guidon::net {

struct SseEvent {
  std::string type = "message";
  std::string data;
  std::string id;  // the last one seen in the stream, in this event or before it
};

struct SseLimits {
  std::size_t max_line_bytes = 64u << 20;
  std::size_t max_event_bytes = 64u << 20;  // of one event's data
};

class SseParser {
 public:
  using Handler = std::function<void(const SseEvent&)>;

  explicit SseParser(SseLimits limits = {}) : limits_(limits) { Reset(); }

  // Calls `handle` for every event that these bytes complete. False once a line or an event is longer than the limits
  // allow: the event is dropped, and so is everything after it, until Reset.
  bool Feed(std::string_view bytes, const Handler& handle);

  // Before the bytes of another connection: what is half read is dropped, as the standard says of the end of a stream.
  // The last id and the delay stay.
  void Reset();

  // The `id:` of the last complete event, also of one without data.
  const std::string& last_id() const { return last_id_; }
  // The last `retry:` of the stream, if there was one.
  std::optional<std::chrono::milliseconds> retry() const { return retry_; }

 private:
  bool TakeLine(std::string_view line, const Handler& handle);
  bool TakeField(std::string_view name, std::string_view value);
  void Dispatch(const Handler& handle);

  SseLimits limits_;
  std::string line_;       // the part of a line that came in earlier chunks
  bool after_cr_ = false;  // the last chunk ended in CR: an LF now belongs to it
  bool at_start_ = true;   // no line of this stream was read yet: a byte order mark may come
  bool failed_ = false;
  SseEvent event_;  // being read; its type is empty until a field names it, its id is the one before until then
  bool has_data_ = false;
  std::string last_id_;
  std::optional<std::chrono::milliseconds> retry_;
};

// Appends the event in a form that any parser reads back: a `data` line for each line of `data`. A parser gives back
// LF for every line end in it; JSON has none. `type` and `id` hold no CR, LF or NUL; an empty `id` writes none.
void AppendSse(std::string& out, std::string_view type, std::string_view data, std::string_view id = {});
// `retry:` with the client's next delay, as a block of its own.
void AppendSseRetry(std::string& out, std::chrono::milliseconds delay);
// A comment, which parsers skip: keeps idle connections alive.
void AppendSseComment(std::string& out, std::string_view text);

}  // namespace guidon::net
