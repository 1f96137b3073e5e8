#include "server/signin/id_token.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/json.h"
#include "core/base/json_record.h"

namespace guidon {
namespace {

tl::unexpected<Error> Refuse(std::string what) {
  return Fail(ErrorCode::kUnauthenticated, "the ID token " + std::move(what));
}

// As the token says it: for messages only.
std::string Quoted(const Value& value) {
  return Shortened(ToJson(value), 128);
}

Result<Value> ReadPart(std::string_view part, std::string_view name) {
  const std::optional<std::string> text = DecodeBase64Url(part);
  Result<Value> value = text ? ParseJson(*text, {.max_bytes = kMostIdTokenBytes, .max_depth = 16}) : Result<Value>();
  if (!text || !value || !value->is_object()) {
    return Refuse("has a " + std::string(name) + " that is no JSON object in base64url");
  }
  return value;
}

// What the header says and we hold against the list of algorithms and keys.
Result<const SigningJwk*> KeyOf(const Value& header, const KeySet& keys) {
  const Value* algorithm = header.Find("alg");
  const auto known = algorithm == nullptr ? std::nullopt : SigningAlgorithmFromString(algorithm->AsString());
  if (!known) {
    return Refuse("is signed with " + (algorithm == nullptr ? "no algorithm" : Quoted(*algorithm)) +
                  "; ES256, RS256 and EdDSA are taken");
  }
  if (header.Find("crit") != nullptr) return Refuse("asks for extensions ('crit'), of which none are known");
  const std::string type = TextOf(header, "typ");
  if (!type.empty() && type != "JWT" && type != "jwt") return Refuse("is of type '" + Shortened(type, 64) + "'");
  const Value* id = header.Find("kid");
  if (id != nullptr && (!id->is_string() || id->AsString().empty())) {
    return Refuse("names a key ('kid') that is no text");
  }
  return keys.Find(TextOf(header, "kid"), *known);
}

bool IsFor(const Value& audience, const std::string& client_id) {
  if (audience.is_string()) return audience.AsString() == client_id;
  const Array& list = audience.AsArray();
  return std::any_of(list.begin(), list.end(),
                     [&](const Value& one) { return one.is_string() && one.AsString() == client_id; });
}

Status CheckAudience(const Value& claims, const std::string& client_id) {
  const Value* audience = claims.Find("aud");
  if (audience == nullptr) return Refuse("has no audience ('aud')");
  if (!IsFor(*audience, client_id)) {
    return Refuse("is for another audience (" + Quoted(*audience) + "), not for \"" + client_id + "\"");
  }
  const Value* party = claims.Find("azp");
  if (party == nullptr && audience->is_array() && audience->AsArray().size() > 1) {
    return Refuse("is for several audiences and does not say which one asked for it ('azp')");
  }
  if (party != nullptr && (!party->is_string() || party->AsString() != client_id)) {
    return Refuse("was asked for by " + Quoted(*party) + " ('azp'), not by \"" + client_id + "\"");
  }
  return {};
}

// Seconds since 1970; fractions are allowed by RFC 7519. Nothing when it is none, or beyond what a clock can say.
std::optional<std::int64_t> TimeOf(const Value& claims, std::string_view name) {
  constexpr double kMost = 253'402'300'800;  // the year 10 000
  const Value* time = claims.Find(name);
  if (time == nullptr || !time->is_number()) return std::nullopt;
  const double seconds = time->AsDouble();
  if (!(seconds >= 0 && seconds < kMost)) return std::nullopt;
  return static_cast<std::int64_t>(seconds);
}

Status CheckTimes(const Value& claims, std::int64_t now_s) {
  const auto expires = TimeOf(claims, "exp"), issued = TimeOf(claims, "iat"), begins = TimeOf(claims, "nbf");
  if (!expires) return Refuse("does not say when it expires ('exp')");
  if (!issued) return Refuse("does not say when it was issued ('iat')");
  if (claims.Find("nbf") != nullptr && !begins) return Refuse("has a time 'nbf' that is none");
  if (now_s >= *expires + kClockSkewSeconds) {
    return Refuse("expired " + std::to_string(now_s - *expires) + " s ago; is the clock of this server right?");
  }
  const std::int64_t earliest = std::max(*issued, begins.value_or(0));
  if (earliest > now_s + kClockSkewSeconds) {
    return Refuse("is of a time " + std::to_string(earliest - now_s) +
                  " s from now; is the clock of this server right?");
  }
  return {};
}

Status ReadGroups(const Value& claims, const std::string& name, std::vector<std::string>& groups) {
  const Value* claim = name.empty() ? nullptr : claims.Find(name);
  if (claim == nullptr || claim->is_null()) return {};
  if (claim->is_string()) {
    groups.push_back(claim->AsString());
    return {};
  }
  if (!claim->is_array()) return Refuse("has a claim '" + name + "' that is no list of groups");
  if (claim->AsArray().size() > kMostGroups) {
    return Refuse("names " + std::to_string(claim->AsArray().size()) + " groups; at most " +
                  std::to_string(kMostGroups) + " are taken: have the provider send those of Guidon alone");
  }
  for (const Value& group : claim->AsArray()) {
    if (!group.is_string()) return Refuse("has a group that is no text in its claim '" + name + "'");
    groups.push_back(group.AsString());
  }
  return {};
}

}  // namespace

Result<Identity> CheckIdToken(std::string_view token, const KeySet& keys, const IdTokenExpectation& expected) {
  if (token.size() > kMostIdTokenBytes) {
    return Refuse("is longer than " + std::to_string(kMostIdTokenBytes) + " bytes");
  }
  const std::size_t first = token.find('.'), last = token.rfind('.');
  if (first == std::string_view::npos || first == last ||
      token.substr(first + 1, last - first - 1).find('.') != std::string_view::npos) {
    return Refuse("is no JWS: it has not three parts");
  }
  const Result<Value> header = ReadPart(token.substr(0, first), "header");
  if (!header) return Fail(header.error());
  const Result<const SigningJwk*> key = KeyOf(*header, keys);
  if (!key) return Fail(key.error());
  const std::optional<std::string> signature = DecodeBase64Url(token.substr(last + 1));
  if (!signature || !Verify(**key, token.substr(0, last), *signature)) return Refuse("has a wrong signature");

  const Result<Value> claims = ReadPart(token.substr(first + 1, last - first - 1), "payload");
  if (!claims) return Fail(claims.error());
  Identity who;
  who.issuer = TextOf(*claims, "iss");
  if (who.issuer != expected.issuer) {
    return Refuse("is of another issuer ('" + Shortened(who.issuer, 128) + "'), not of '" + expected.issuer + "'");
  }
  if (Status audience = CheckAudience(*claims, expected.client_id); !audience) return Fail(audience.error());
  if (Status times = CheckTimes(*claims, expected.now_s); !times) return Fail(times.error());
  if (expected.nonce.empty() || TextOf(*claims, "nonce") != expected.nonce) {
    return Refuse("was not made for this sign-in: its nonce is another one");
  }
  who.subject = TextOf(*claims, "sub");
  if (who.subject.empty() || who.subject.size() > kMostSubjectBytes) {
    return Refuse("does not say who it is ('sub')");
  }
  who.name = TextOf(*claims, "name");
  who.email = TextOf(*claims, "email");
  if (Status groups = ReadGroups(*claims, expected.groups_claim, who.groups); !groups) return Fail(groups.error());
  return who;
}

}  // namespace guidon
