// Reads one HTTP/1.1 request from bytes as they come, straight into a Request, and says what a server must not take
// (RFC 9112). Internal to the http room. The grammar is Beast's basic_parser; what stands around it is ours.
//
//   RequestParser parser({.header_bytes = 16 << 10, .body_bytes = 4 << 20});
//   while (parser.Put(bytes, &taken) == RequestParser::Step::kMore) bytes = …;    // the header …
//   while (parser.Put(bytes, &taken) == RequestParser::Step::kMore) bytes = …;    // … and the body
//   Request request = parser.Take();
//
// Bounds: `header_bytes` for the request line and all fields together, however they come, and the same for the header
// of each chunk and for all trailers; kMostFields; `body_bytes`. Fields after the last chunk (trailers) are checked and
// dropped: nothing here asks for them, and what merges them into the header can be told things that a proxy has not
// seen (RFC 9110 6.5.1).
//
// Thread safety: one thread at a time.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <boost/optional.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/http/message.h"

namespace guidon::http {

// What never reaches the handler, and how it is answered.
struct Refusal {
  int status = 400;
  std::string_view code = "invalid";
  std::string detail;
};

class RequestParser final : private boost::beast::http::basic_parser<true> {
 public:
  struct Limits {
    std::size_t header_bytes = 16u << 10;
    std::size_t body_bytes = 4u << 20;
  };
  static constexpr std::size_t kMostFields = 128;

  explicit RequestParser(const Limits& limits);

  // kHeader: the header is whole, and nothing was taken beyond it; once. kDone: so is the request. kMore: that is not
  // all. kRefused: see refusal(); nothing more may be put.
  enum class Step : std::uint8_t { kMore, kHeader, kDone, kRefused };
  // Takes from the beginning of `bytes`, and says how many. What is left has to be there again the next time, with what
  // has come behind it.
  Step Put(std::string_view bytes, std::size_t* taken);
  // The other side sends no more.
  Step PutEnd();

  // Whether anything has come of it.
  bool has_begun() const { return got_some(); }
  const Refusal& refusal() const { return refusal_; }

  // Once the header is whole.
  bool is_complete() const { return is_done(); }
  bool is_keep_alive() const { return keep_alive(); }
  bool expects_continue() const { return expects_continue_; }  // of HTTP/1.1
  unsigned version() const { return version_; }                // 10 or 11
  const Request& request() const { return request_; }          // what has come of it; no peer and no id
  Request Take() { return std::move(request_); }

 private:
  using Text = boost::beast::string_view;
  using ErrorCode = boost::beast::error_code;
  using Field = boost::beast::http::field;

  Step Refuse(int status, std::string_view code, std::string detail);
  Step RefuseFor(ErrorCode error, std::string_view unread);
  Step CheckHeader();
  bool IsFramingTooLong(const char* end) const;
  void TakeBody(Text piece) { request_.body.append(piece.data(), piece.size()); }

  void on_request_impl(boost::beast::http::verb verb, Text method, Text target, int version, ErrorCode& error) override;
  void on_field_impl(Field field, Text name, Text value, ErrorCode& error) override;
  void on_header_impl(ErrorCode& error) override { error = {}; }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, ErrorCode& error) override;
  std::size_t on_body_impl(Text piece, ErrorCode& error) override;
  void on_chunk_header_impl(std::uint64_t, Text, ErrorCode& error) override { error = {}; }
  std::size_t on_chunk_body_impl(std::uint64_t, Text piece, ErrorCode& error) override;
  void on_finish_impl(ErrorCode& error) override { error = {}; }
  void on_response_impl(int, Text, int, ErrorCode&) override {}  // of answers only

  const Limits limits_;
  Request request_;
  Refusal refusal_;
  std::size_t header_size_ = 0;     // that was taken
  const char* body_end_ = nullptr;  // of what is put: behind the last piece of a chunk's body; its beginning before one
  unsigned version_ = 11;
  // Of the fields that decide where a request ends.
  unsigned hosts_ = 0, lengths_ = 0, codings_ = 0;
  bool is_list_of_lengths_ = false, is_chunked_ = false;
  bool expects_ = false, expects_continue_ = false;
  bool has_line_ = false, has_header_ = false, has_too_many_fields_ = false;
};

}  // namespace guidon::http
