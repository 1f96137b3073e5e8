#include "server/http/request_parser.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <utility>

namespace guidon::http {

namespace beast = boost::beast;
namespace bhttp = boost::beast::http;

namespace {

// "/a?b" from "/a?b" and from "http://host/a?b"; "" from anything else, such as "host:443".
std::string PathOf(beast::string_view target) {
  std::string_view rest(target.data(), target.size());
  if (rest.starts_with('/')) return std::string(rest);
  if (rest == "*") return "*";
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!beast::iequals({rest.data(), std::min(rest.size(), scheme.size())}, {scheme.data(), scheme.size()})) continue;
    rest.remove_prefix(std::min(rest.find_first_of("/?", scheme.size()), rest.size()));
    return rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  }
  return "";
}

// Whether the request line is one of HTTP, of whatever version: "PRI * HTTP/2.0".
bool NamesAVersion(std::string_view unread) {
  const std::string_view line = unread.substr(0, unread.find("\r\n"));
  const std::string_view last = line.substr(line.rfind(' ') + 1);
  return last.size() == 8 && last.starts_with("HTTP/") && std::count(line.begin(), line.end(), ' ') == 2;
}

}  // namespace

RequestParser::RequestParser(const Limits& limits) : limits_(limits) {
  header_limit(static_cast<std::uint32_t>(limits.header_bytes));
  body_limit(limits.body_bytes);
}

RequestParser::Step RequestParser::Put(std::string_view bytes, std::size_t* taken) {
  // No request in chunks ends in less. With less than that of the last chunk, Beast may not be asked twice (an
  // assertion of 1.81, which a build without NDEBUG ends by).
  constexpr std::string_view kLastChunk = "0\r\n\r\n";
  if (has_header_ && chunked() && bytes.size() < kLastChunk.size()) {
    *taken = 0;
    return Step::kMore;
  }
  ErrorCode error;
  body_end_ = bytes.data();
  *taken = put({bytes.data(), bytes.size()}, error);
  const std::string_view unread = bytes.substr(*taken);
  if (error && error != bhttp::error::need_more) return RefuseFor(error, unread);
  if (!has_header_) {
    header_size_ += *taken;
    // Beast's own bound is one of what it has not taken yet: fields that come one by one it would take without end.
    const std::size_t size = header_size_ + (is_header_done() ? 0 : unread.size());
    if (size > limits_.header_bytes) return RefuseFor(bhttp::error::header_limit, unread);
    if (!is_header_done()) return Step::kMore;
    has_header_ = true;
    eager(true);
    return CheckHeader();
  }
  if (chunked() && IsFramingTooLong(bytes.data() + *taken)) return RefuseFor(bhttp::error::header_limit, {});
  if (is_done()) return Step::kDone;
  // What is left is the beginning of a chunk's header, or of trailers.
  return unread.size() > limits_.header_bytes ? RefuseFor(bhttp::error::header_limit, {}) : Step::kMore;
}

RequestParser::Step RequestParser::PutEnd() {
  ErrorCode error;
  put_eof(error);
  return error ? RefuseFor(error, {}) : Step::kDone;
}

// Beast takes a chunk's header, or the last one with its trailers, whole: what comes at once has no more room than what
// comes in pieces.
bool RequestParser::IsFramingTooLong(const char* end) const {
  return static_cast<std::size_t>(end - body_end_) > limits_.header_bytes;
}

RequestParser::Step RequestParser::Refuse(int status, std::string_view code, std::string detail) {
  refusal_ = {status, code, std::move(detail)};
  return Step::kRefused;
}

// `unread`: what the parser has not taken; where it found a fault in the request line, all of that.
RequestParser::Step RequestParser::RefuseFor(ErrorCode error, std::string_view unread) {
  if (error == bhttp::error::header_limit) {
    const std::string bytes = std::to_string(limits_.header_bytes);
    // A request line that did not end within the bound has no header yet.
    const bool in_line = !has_line_ && unread.substr(0, limits_.header_bytes).find('\n') == std::string_view::npos;
    if (in_line) return Refuse(414, "too_large", "the address is longer than " + bytes + " bytes");
    return Refuse(431, "too_large",
                  has_too_many_fields_ ? "the header has more than " + std::to_string(kMostFields) + " fields"
                                       : "the header is larger than " + bytes + " bytes");
  }
  if (error == bhttp::error::body_limit) {
    return Refuse(413, "too_large", "the body is larger than " + std::to_string(limits_.body_bytes) + " bytes");
  }
  if (error == bhttp::error::bad_version && NamesAVersion(unread)) {
    return Refuse(505, "invalid", "this server speaks HTTP/1.1");
  }
  if (error == bhttp::error::partial_message) return Refuse(400, "invalid", "the request ends in the middle");
  return Refuse(400, "invalid", "this is not HTTP/1.1: " + error.message());
}

// What the grammar lets through.
RequestParser::Step RequestParser::CheckHeader() {
  const auto invalid = [this](std::string detail) { return Refuse(400, "invalid", std::move(detail)); };
  if (version_ == 11 && hosts_ != 1) return invalid("an HTTP/1.1 request has exactly one Host header");
  // The parser takes lengths that are equal; one who is in between may not.
  if (lengths_ > 1 || is_list_of_lengths_) return invalid("there is more than one Content-Length");
  // A coding that we do not know would leave open where the request ends.
  if (codings_ > 0 && version_ < 11) return invalid("HTTP/1.0 has no Transfer-Encoding");
  if (codings_ > 1 || (codings_ == 1 && !is_chunked_)) {
    return Refuse(501, "invalid", "the only Transfer-Encoding understood here is chunked");
  }
  // RFC 9110 10.1.1: HTTP/1.0 does not know it.
  if (expects_ && !expects_continue_ && version_ == 11) {
    return Refuse(417, "invalid", "the only expectation understood here is 100-continue");
  }
  if (version_ < 11) expects_continue_ = false;
  if (request_.target.empty()) return invalid("the target of the request is not a path");
  return Step::kHeader;
}

void RequestParser::on_request_impl(bhttp::verb, Text method, Text target, int version, ErrorCode& error) {
  error = {};
  has_line_ = true;
  version_ = static_cast<unsigned>(version);
  request_.method.assign(method.data(), method.size());
  request_.target = PathOf(target);
  request_.path = request_.target.substr(0, request_.target.find('?'));
  request_.headers.reserve(8);
}

void RequestParser::on_field_impl(Field field, Text name, Text value, ErrorCode& error) {
  error = {};
  if (has_header_) return;  // a trailer
  has_too_many_fields_ = request_.headers.size() >= kMostFields;
  if (has_too_many_fields_) {
    error = bhttp::error::header_limit;
    return;
  }
  request_.headers.emplace_back(std::string_view(name.data(), name.size()),
                                std::string_view(value.data(), value.size()));
  switch (field) {
    case Field::host:
      ++hosts_;
      break;
    case Field::content_length:
      ++lengths_;
      is_list_of_lengths_ = is_list_of_lengths_ || value.find(',') != Text::npos;
      break;
    case Field::transfer_encoding:
      ++codings_;
      is_chunked_ = beast::iequals(value, "chunked");
      break;
    case Field::expect:
      expects_continue_ = (!expects_ || expects_continue_) && beast::iequals(value, "100-continue");
      expects_ = true;
      break;
    default:
      break;
  }
}

void RequestParser::on_body_init_impl(const boost::optional<std::uint64_t>& length, ErrorCode& error) {
  error = {};
  // Not for all that was announced: what comes is what counts.
  constexpr std::uint64_t kMostReserved = 64u << 10;
  if (length) request_.body.reserve(static_cast<std::size_t>(std::min(*length, kMostReserved)));
}

std::size_t RequestParser::on_body_impl(Text piece, ErrorCode& error) {
  error = {};
  TakeBody(piece);
  return piece.size();
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, Text piece, ErrorCode& error) {
  error = {};
  if (IsFramingTooLong(piece.data())) {
    error = bhttp::error::header_limit;
    return 0;
  }
  TakeBody(piece);
  body_end_ = piece.data() + piece.size();
  return piece.size();
}

}  // namespace guidon::http
