#include "server/http/answer_head.h"

#include <array>
#include <boost/beast/http/status.hpp>
#include <charconv>
#include <cstdint>

namespace guidon::http {
namespace {

void AppendNumber(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), static_cast<std::size_t>(written.ptr - digits.data()));
}

std::string_view ReasonOf(int status) {
  const auto reason =
      boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(static_cast<unsigned>(status)));
  return {reason.data(), reason.size()};
}

}  // namespace

std::string_view HttpDate::Now() {
  const std::time_t now = std::time(nullptr);
  if (now == second_) return text_;
  second_ = now;
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 40> text;
  text_.assign(text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc));
  return text_;
}

void AppendAnswerHead(std::string& out, const Response& response, const AnswerHead& head) {
  out += head.version == 10 ? "HTTP/1.0 " : "HTTP/1.1 ";
  AppendNumber(out, static_cast<std::uint64_t>(response.status));
  out += ' ';
  out += ReasonOf(response.status);
  out += "\r\nServer: guidon\r\nDate: ";
  out += head.date;
  out += "\r\n";
  for (const auto& [name, value] : response.headers) {
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
  }
  if (head.keep_alive && head.version == 10) out += "Connection: keep-alive\r\n";
  if (!head.keep_alive && head.version != 10) out += "Connection: close\r\n";
  if (head.content_length) {
    out += "Content-Length: ";
    AppendNumber(out, *head.content_length);
    out += "\r\n";
  }
  out += "\r\n";
}

}  // namespace guidon::http
