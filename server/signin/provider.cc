#include "server/signin/provider.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "core/base/json.h"
#include "core/base/json_record.h"

namespace guidon {
namespace {

constexpr std::size_t kMostAnswerBytes = 256u << 10;
constexpr std::string_view kDiscovery = "/.well-known/openid-configuration";

tl::unexpected<Error> Unavailable(std::string what) {
  return Fail(ErrorCode::kUnavailable, "the OpenID provider " + std::move(what));
}

bool Lists(const Value& object, std::string_view name, std::string_view word) {
  const Value* list = object.Find(name);
  if (list == nullptr) return false;
  return std::any_of(list->AsArray().begin(), list->AsArray().end(),
                     [&](const Value& one) { return one.AsString() == word; });
}

// https://id.example.com/a/token?b=c: the server, and what is asked of it.
struct Address {
  net::Url server;
  std::string path;
};
std::optional<Address> ReadAddress(const std::string& text) {
  const std::size_t scheme = text.find("://");
  if (scheme == std::string::npos || text.find('#') != std::string::npos) return std::nullopt;
  const std::size_t path = std::min(text.find_first_of("/?", scheme + 3), text.size());
  Address address;
  std::string fault;
  if (!net::ParseUrl(text.substr(0, path), &address.server, &fault)) return std::nullopt;
  address.path = text.substr(path);
  if (!address.path.starts_with('/')) address.path.insert(0, "/");
  const bool is_clean =
      std::all_of(address.path.begin(), address.path.end(), [](char c) { return c > ' ' && c < 127; });
  if (!is_clean) return std::nullopt;
  return address;
}

bool IsLoopback(const std::string& host) {
  if (host == "localhost" || host == "::1") return true;
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos;
}

std::string Base64(std::string_view text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

}  // namespace

Provider::Provider(ProviderOptions options) : options_(std::move(options)) {}

std::uint64_t Provider::key_reads() const {
  MutexLock lock(mutex_);
  return key_reads_;
}

Result<std::string> Provider::AuthorizationUrl(const std::string& state, const std::string& nonce,
                                               const std::string& challenge) {
  Result<Document> document = [&] {
    MutexLock lock(mutex_);
    return DocumentNow();
  }();
  if (!document) return Fail(document.error());
  std::string address = document->authorization_endpoint;
  address += address.find('?') == std::string::npos ? '?' : '&';
  const std::pair<std::string_view, std::string_view> parameters[] = {{"response_type", "code"},
                                                                      {"client_id", options_.client_id},
                                                                      {"redirect_uri", options_.redirect_uri},
                                                                      {"scope", options_.scopes},
                                                                      {"state", state},
                                                                      {"nonce", nonce},
                                                                      {"code_challenge", challenge},
                                                                      {"code_challenge_method", "S256"}};
  for (const auto& [name, value] : parameters) {
    if (!address.ends_with('?') && !address.ends_with('&')) address += '&';
    address.append(name).append("=").append(FormEncode(value));
  }
  return address;
}

Result<Identity> Provider::Redeem(const std::string& code, const std::string& verifier, const std::string& nonce) {
  Result<Document> document = [&] {
    MutexLock lock(mutex_);
    return DocumentNow();
  }();
  if (!document) return Fail(document.error());
  const Result<std::string> token = Exchange(*document, code, verifier);
  if (!token) return Fail(token.error());
  return Check(*token, nonce);
}

Result<Identity> Provider::Check(const std::string& token, const std::string& nonce) {
  const std::int64_t now_ms = options_.now_ms();
  const IdTokenExpectation expected{options_.issuer, options_.client_id, nonce, options_.groups_claim, now_ms / 1000};
  MutexLock lock(mutex_);
  const Result<Document> document = DocumentNow();
  if (!document) return Fail(document.error());
  if (Status known = KeysNow(*document); !known) return Fail(known.error());
  Result<Identity> who = CheckIdToken(token, *keys_, expected);
  if (who || who.error().code != ErrorCode::kNotFound) return who;
  const bool may_refetch = !refetched_ms_ || now_ms >= *refetched_ms_ + kBetweenRefetchesMs || now_ms < *refetched_ms_;
  if (may_refetch) {
    refetched_ms_ = now_ms;
    if (Status read = ReadKeys(*document); !read) return Fail(read.error());
    who = CheckIdToken(token, *keys_, expected);
  }
  if (!who && who.error().code == ErrorCode::kNotFound) {
    return Fail(ErrorCode::kUnauthenticated,
                who.error().message + (may_refetch ? "" : "; its keys were read less than 30 s ago, try again then"));
  }
  return who;
}

void Provider::Stop() {
  MutexLock lock(requests_);
  stopped_ = true;
  for (net::HttpClient* client : clients_) (void)client->Stop(std::chrono::milliseconds(0));
}

net::HttpResult Provider::Send(const net::Url& server, net::HttpRequest request) const {
  net::HttpOptions http;
  http.connect = std::min(options_.total, http.connect);
  http.silence = options_.total;
  http.total = options_.total;
  http.max_body_bytes = kMostAnswerBytes;
  http.ca_file = options_.ca_file;
  request.headers.emplace_back("Accept", "application/json");
  const std::unique_ptr<net::HttpClient> client = net::MakeHttpClient(server, http);
  {
    MutexLock lock(requests_);
    if (stopped_) return {net::HttpFailure::kStopped, "this server is stopping", {}};
    clients_.insert(client.get());
  }
  net::HttpResult result = client->Send(request);
  MutexLock lock(requests_);
  clients_.erase(client.get());
  return result;
}

Result<Provider::Document> Provider::DocumentNow() {
  const std::int64_t now_ms = options_.now_ms();
  if (document_ && now_ms >= document_->read_ms && now_ms < document_->read_ms + kKeptMs) return *document_;
  if (!IsTooSoon(document_attempt_, document_.has_value(), now_ms)) {
    Result<Document> read = ReadDocument();
    document_attempt_ = {read ? Status() : Fail(read.error()), options_.now_ms()};
    if (read) {
      document_ = *std::move(read);
      document_->read_ms = now_ms;
    }
  }
  if (document_) return *document_;
  return Fail(document_attempt_->outcome.error());
}

bool Provider::IsTooSoon(const std::optional<Attempt>& last, bool is_held, std::int64_t now_ms) {
  const std::int64_t between_ms = is_held ? kBetweenRefetchesMs : kBetweenFirstReadsMs;
  return last && !last->outcome && now_ms >= last->ended_ms && now_ms < last->ended_ms + between_ms;
}

// With keys_ when it is good.
Status Provider::KeysNow(const Document& document) {
  const std::int64_t now_ms = options_.now_ms();
  if (keys_ && now_ms >= keys_read_ms_ && now_ms < keys_read_ms_ + kKeptMs) return {};
  if (!IsTooSoon(keys_attempt_, keys_.has_value(), now_ms)) {
    Status read = ReadKeys(document);
    keys_attempt_ = {std::move(read), options_.now_ms()};
  }
  return keys_ ? Status() : keys_attempt_->outcome;
}

Result<Provider::Document> Provider::ReadDocument() const {
  std::string issuer = options_.issuer;
  while (issuer.ends_with('/')) issuer.pop_back();
  const Result<std::string> text = Fetch(issuer + std::string(kDiscovery), "discovery document");
  if (!text) return Fail(text.error());
  const Result<Value> value = ParseJson(*text);
  if (!value || !value->is_object()) return Unavailable("has a discovery document that is no JSON object");
  if (const std::string said = TextOf(*value, "issuer"); said != options_.issuer) {
    return Unavailable("calls itself '" + Shortened(said, 128) + "' in its discovery document; oidc-issuer is '" +
                       options_.issuer + "', and both have to be the same to the letter");
  }
  Document document{TextOf(*value, "authorization_endpoint"), TextOf(*value, "token_endpoint"),
                    TextOf(*value, "jwks_uri")};
  for (const auto& [name, address] :
       {std::pair("authorization_endpoint", &document.authorization_endpoint),
        std::pair("token_endpoint", &document.token_endpoint), std::pair("jwks_uri", &document.jwks_uri)}) {
    if (IsSafeAddress(*address)) continue;
    return Unavailable("has '" + Shortened(*address, 128) + "' as its " + name +
                       "; an https:// address is needed, or http:// on loopback");
  }
  const std::string_view methods = "token_endpoint_auth_methods_supported";
  document.posts_secret =
      Lists(*value, methods, "client_secret_post") && !Lists(*value, methods, "client_secret_basic");
  return document;
}

Status Provider::ReadKeys(const Document& document) {
  ++key_reads_;
  const Result<std::string> text = Fetch(document.jwks_uri, "keys");
  if (!text) return Fail(text.error());
  Result<KeySet> keys = KeySet::Parse(*text);
  if (!keys) return Fail(ErrorCode::kUnavailable, keys.error().message);
  keys_ = *std::move(keys);
  keys_read_ms_ = options_.now_ms();
  return {};
}

Result<std::string> Provider::Fetch(const std::string& address, std::string_view what) const {
  const std::optional<Address> read = IsSafeAddress(address) ? ReadAddress(address) : std::nullopt;
  if (!read) return Unavailable("has no address for its " + std::string(what) + ": '" + Shortened(address, 128) + "'");
  net::HttpRequest request;
  request.path = read->path;
  net::HttpResult result = Send(read->server, std::move(request));
  if (!result.ok()) return Unavailable("did not give its " + std::string(what) + ": " + result.message);
  if (result.response.status != 200) {
    return Unavailable("answered " + std::to_string(result.response.status) + " for its " + std::string(what) + " at " +
                       address);
  }
  return std::move(result.response.body);
}

// The ID token as it was sent.
Result<std::string> Provider::Exchange(const Document& document, const std::string& code,
                                       const std::string& verifier) const {
  const std::optional<Address> address = ReadAddress(document.token_endpoint);
  if (!address) return Unavailable("has no address for tokens: '" + Shortened(document.token_endpoint, 128) + "'");
  net::HttpRequest request;
  request.method = "POST";
  request.path = address->path;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = "grant_type=authorization_code&code=" + FormEncode(code) +
                 "&redirect_uri=" + FormEncode(options_.redirect_uri) + "&code_verifier=" + FormEncode(verifier);
  const std::string id = FormEncode(options_.client_id), secret = FormEncode(options_.client_secret);
  if (!secret.empty() && !document.posts_secret) {
    request.headers.emplace_back("Authorization", "Basic " + Base64(id + ":" + secret));
  } else {
    request.body += "&client_id=" + id + (secret.empty() ? "" : "&client_secret=" + secret);
  }
  const net::HttpResult result = Send(address->server, std::move(request));
  if (!result.ok()) return Unavailable("did not answer for the code: " + result.message);
  const Result<Value> value = ParseJson(result.response.body);
  const int status = result.response.status;
  if (status >= 500) return Unavailable("answered " + std::to_string(status) + " for the code");
  if (status != 200 || !value) {
    const std::string why = value ? TextOf(*value, "error") : "";
    return Fail(ErrorCode::kUnauthenticated, "the OpenID provider refused the code: " + std::to_string(status) +
                                                 (why.empty() ? "" : ", '" + Shortened(why, 64) + "'"));
  }
  std::string token = TextOf(*value, "id_token");
  if (token.empty()) return Fail(ErrorCode::kUnauthenticated, "the OpenID provider sent no ID token for the code");
  return token;
}

bool IsSafeAddress(std::string_view address) {
  const std::optional<Address> read = ReadAddress(std::string(address));
  return read && (read->server.tls || IsLoopback(read->server.host));
}

std::string ChallengeOf(std::string_view verifier) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  unsigned int size = 0;
  EVP_Digest(verifier.data(), verifier.size(), hash.data(), &size, EVP_sha256(), nullptr);
  return EncodeBase64Url({reinterpret_cast<const char*>(hash.data()), size});
}

std::string FormEncode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "-._~";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          kPlain.find(c) != std::string_view::npos;
    if (is_plain) {
      out += c;
    } else {
      out.append(1, '%').append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    }
  }
  return out;
}

Result<std::string> RandomText(std::size_t bytes) {
  std::string random(bytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(random.data()), static_cast<int>(bytes)) != 1) {
    return Fail(ErrorCode::kIo, "the operating system gave no random bytes");
  }
  return EncodeBase64Url(random);
}

}  // namespace guidon
