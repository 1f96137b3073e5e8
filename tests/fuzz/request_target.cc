#include "server/http/request_parser.h"

#include <algorithm>
#include <random>

#include "tests/fuzz/targets.h"

namespace guidon::fuzz {
namespace {

constexpr http::RequestParser::Limits kLimits{.header_bytes = 2'000, .body_bytes = 3'000};

struct Outcome {
  bool is_done = false;
  http::Refusal refusal;
  http::Request request;
  unsigned version = 0;
  bool keep_alive = false;
  std::size_t taken = 0;  // of the input
};

// As a session reads: what is not taken stays in front of what comes. `next` says of what is left how much comes now.
template <typename Next>
Outcome Read(std::string_view input, Next next) {
  using Step = http::RequestParser::Step;
  http::RequestParser parser(kLimits);
  Outcome outcome;
  std::size_t come = 0;
  while (true) {
    std::size_t taken = 0;
    const std::string_view bytes = input.substr(outcome.taken, come - outcome.taken);
    const Step step = bytes.empty() && !parser.has_begun() ? Step::kMore : parser.Put(bytes, &taken);
    Require(taken <= bytes.size(), "no more is taken than there is");
    outcome.taken += taken;
    if (step == Step::kMore) {
      if (come < input.size()) {
        come += std::min(next(input.substr(come)), input.size() - come);
        continue;
      }
      if (!parser.has_begun()) return outcome;
      if (parser.PutEnd() == Step::kRefused) outcome.refusal = parser.refusal();
      return outcome;
    }
    if (step == Step::kRefused) {
      outcome.refusal = parser.refusal();
      Require(outcome.refusal.status >= 400 && outcome.refusal.status <= 505, "a refusal has a status");
      Require(!outcome.refusal.detail.empty(), "and says why");
      return outcome;
    }
    outcome.version = parser.version();
    if (step == Step::kHeader && !parser.is_complete()) continue;
    outcome.is_done = true;
    outcome.keep_alive = parser.is_keep_alive();
    outcome.request = parser.Take();
    return outcome;
  }
}

void CheckRequest(const Outcome& read) {
  const http::Request& request = read.request;
  Require(!request.method.empty() && !request.target.empty(), "a request has a method and a target");
  Require(request.target.front() == '/' || request.target == "*", "a target is a path");
  Require(request.target.starts_with(request.path) && request.path.find('?') == std::string::npos,
          "its path is its beginning");
  Require(request.headers.size() <= http::RequestParser::kMostFields, "there are so many fields at most");
  std::size_t size = 0, hosts = 0;
  for (const auto& [name, value] : request.headers) {
    size += name.size() + value.size();
    Require(!name.empty(), "a field has a name");
    Require((name + value).find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos, "of one line");
    http::Request one;
    one.headers = {{name, value}};
    hosts += one.Header("Host").data() == one.headers[0].second.data() ? 1 : 0;
  }
  Require(size <= kLimits.header_bytes, "a header is bounded");
  Require(read.version == 10 || hosts == 1, "a request of HTTP/1.1 is to one host");
  Require(request.body.size() <= kLimits.body_bytes, "a body is bounded");
  const std::string_view length = request.Header("Content-Length");
  if (!length.empty()) {
    Require(std::to_string(request.body.size()) ==
                length.substr(std::min(length.find_first_not_of('0'), length.size() - 1)),
            "a body is as long as was said");
    Require(request.Header("Transfer-Encoding").empty(), "and that is said in one way");
  }
}

}  // namespace

void Request(std::string_view input) {
  if (input.empty()) return;
  std::minstd_rand random(static_cast<unsigned char>(input[0]) + 1);
  const std::string_view bytes = input.substr(1);
  const Outcome whole = Read(bytes, [](std::string_view rest) { return rest.size(); });
  // Lines, and a byte of the next: Beast takes each before the next one comes, so nothing but our own count bounds
  // them.
  const Outcome lines = Read(bytes, [](std::string_view rest) { return std::min(rest.find('\n'), rest.size()) + 2; });
  const Outcome pieces =
      Read(bytes, [&](std::string_view) { return random() % 7 == 0 ? random() % 200 + 1 : random() % 5 + 1; });
  if (whole.is_done) CheckRequest(whole);
  for (const Outcome* other : {&lines, &pieces}) {
    Require(whole.is_done == other->is_done, "however it comes, it is a request or none");
    if (!whole.is_done) continue;
    Require(whole.taken == other->taken && whole.keep_alive == other->keep_alive, "it ends in the same place");
    Require(whole.request.method == other->request.method && whole.request.target == other->request.target &&
                whole.request.headers == other->request.headers && whole.request.body == other->request.body,
            "and it is the same request");
  }
}

}  // namespace guidon::fuzz
