#include "core/base/json.h"
#include "server/http/message.h"
#include "server/http/router.h"
#include "tests/fuzz/targets.h"

namespace guidon::fuzz {
namespace {

// Percent-encodes everything, which any decoder takes.
std::string Encode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

void CheckDecoding(std::string_view text) {
  for (const bool is_query : {false, true}) {
    std::string decoded, again;
    if (!http::PercentDecode(text, is_query, decoded)) continue;
    Require(IsValidUtf8(decoded) && decoded.find('\0') == std::string::npos, "what is decoded is UTF-8 without NUL");
    Require(http::PercentDecode(Encode(decoded), is_query, again) && again == decoded, "and can be encoded again");
  }
}

void CheckRoutes(std::string_view target) {
  static const http::Router router({{"GET", "/"},
                                    {"GET", "/api/v1/projects/{project}"},
                                    {"PUT", "/api/v1/projects/{project}"},
                                    {"GET", "/api/v1/projects/{project}/flags/{flag}"}});
  http::Request request;
  request.method = "GET";
  request.target = target;
  request.path = target.substr(0, target.find('?'));
  const http::Match match = router.Find(request);
  Require(!match.route || *match.route < 4, "a match is a route of the table");
  Require(!(match.malformed && match.route), "what is malformed finds no route");
  if (match.route && *match.route == 3) Require(!request.Param("flag").empty(), "a parameter is not empty");
}

}  // namespace

void Http(std::string_view input) {
  CheckDecoding(input);
  CheckRoutes(input);
  http::MatchesEtag(input, "17-a5b6");
  http::MatchesEtag(input, "");
  http::AcceptsGzip(input);
  const std::string listed = "\"other\", W/\"17-a5b6\" ," + std::string(input);
  Require(http::MatchesEtag(listed, "17-a5b6"), "a tag in front of anything is found");
}

}  // namespace guidon::fuzz
