// The OpenID provider, as far as signing in needs it: where people are sent, and who comes back with a code.
//
//   Provider provider({.issuer = "https://id.example.com", .client_id = "guidon", …});
//   Result<std::string> address = provider.AuthorizationUrl(state, nonce, ChallengeOf(verifier));
//   Result<Identity> who = provider.Redeem(code, verifier, nonce);      // when they are back
//
// OpenID Connect Core 1.0 with the authorization code flow and PKCE (RFC 7636, S256); Discovery 1.0. The discovery
// document has to be of the issuer that was set, to the letter. It and the keys are kept for an hour; where they cannot
// be read again, those that are held go on, and it is tried again 30 seconds later; where none are held, five. Until
// then the last error is the answer, so that not everybody waits for a provider that hangs. A token whose `kid` is
// unknown makes the keys be read again, at most once in 30 seconds: so keys can be rotated at any time, and tokens that
// are made up do not have us hammer the provider.
//
// Bounds: ten seconds and 256 KiB for an answer; no redirect is followed; every address is https, or http on loopback.
//
// Thread safety: every method may be called from any thread, but never on an I/O thread: they wait for the network, and
// for each other while one of them reads the document or the keys.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "core/base/mutex.h"
#include "core/base/result.h"
#include "net/http_client.h"
#include "server/signin/id_token.h"
#include "server/signin/key_set.h"

namespace guidon {

struct ProviderOptions {
  std::string issuer = {};
  std::string client_id = {};
  std::string client_secret = {};  // empty: a public client
  std::string redirect_uri = {};
  std::string scopes = "openid profile email";
  std::string groups_claim = "groups";
  std::string ca_file = {};                   // PEM with the authorities to trust instead of the system's
  std::function<std::int64_t()> now_ms = {};  // milliseconds since 1970
  std::chrono::milliseconds total{10'000};    // of one request
};

class Provider {
 public:
  static constexpr std::int64_t kKeptMs = 3'600'000;
  static constexpr std::int64_t kBetweenRefetchesMs = 30'000;
  static constexpr std::int64_t kBetweenFirstReadsMs = 5'000;  // while nothing is held

  explicit Provider(ProviderOptions options);

  // kUnavailable: it cannot be reached, or its discovery document is not what it has to be.
  Result<std::string> AuthorizationUrl(const std::string& state, const std::string& nonce, const std::string& challenge)
      GUIDON_EXCLUDES(mutex_);

  // Exchanges the code, which may be done once, and checks the ID token. kUnavailable as above; kUnauthenticated: the
  // provider refuses the code, or the token is not what it should be; says why.
  Result<Identity> Redeem(const std::string& code, const std::string& verifier, const std::string& nonce)
      GUIDON_EXCLUDES(mutex_);

  // Ends the requests that are under way and refuses all later ones, for good; does not wait.
  void Stop() GUIDON_EXCLUDES(requests_);

  // How often the keys were read.
  std::uint64_t key_reads() const GUIDON_EXCLUDES(mutex_);

 private:
  struct Document {
    std::string authorization_endpoint, token_endpoint, jwks_uri;
    bool posts_secret = false;  // it takes the secret in the body, and not as Basic authentication
    std::int64_t read_ms = 0;
  };
  // How it went when the document or the keys were last read, and when that was over.
  struct Attempt {
    Status outcome = {};
    std::int64_t ended_ms = 0;
  };
  // Whether it failed too short a while ago for another.
  static bool IsTooSoon(const std::optional<Attempt>& last, bool is_held, std::int64_t now_ms);

  Result<Document> ReadDocument() const;
  Result<Document> DocumentNow() GUIDON_REQUIRES(mutex_);
  Status ReadKeys(const Document& document) GUIDON_REQUIRES(mutex_);
  Status KeysNow(const Document& document) GUIDON_REQUIRES(mutex_);
  Result<Identity> Check(const std::string& token, const std::string& nonce) GUIDON_EXCLUDES(mutex_);
  Result<std::string> Exchange(const Document& document, const std::string& code, const std::string& verifier) const;
  Result<std::string> Fetch(const std::string& address, std::string_view what) const;
  net::HttpResult Send(const net::Url& server, net::HttpRequest request) const GUIDON_EXCLUDES(requests_);

  const ProviderOptions options_;
  mutable Mutex requests_;
  mutable std::set<net::HttpClient*> clients_ GUIDON_GUARDED_BY(requests_);  // of requests under way
  bool stopped_ GUIDON_GUARDED_BY(requests_) = false;
  mutable Mutex mutex_;  // held while the document or the keys are read
  std::optional<Document> document_ GUIDON_GUARDED_BY(mutex_);
  std::optional<KeySet> keys_ GUIDON_GUARDED_BY(mutex_);
  std::int64_t keys_read_ms_ GUIDON_GUARDED_BY(mutex_) = 0;
  std::optional<Attempt> document_attempt_ GUIDON_GUARDED_BY(mutex_);
  std::optional<Attempt> keys_attempt_ GUIDON_GUARDED_BY(mutex_);
  std::optional<std::int64_t> refetched_ms_ GUIDON_GUARDED_BY(mutex_);  // for a `kid` that was unknown
  std::uint64_t key_reads_ GUIDON_GUARDED_BY(mutex_) = 0;
};

// Whether it is https://…, or http:// with a host that is this machine (127.x.x.x, [::1], localhost).
bool IsSafeAddress(std::string_view address);

// PKCE's S256 of a verifier.
std::string ChallengeOf(std::string_view verifier);
// application/x-www-form-urlencoded
std::string FormEncode(std::string_view text);
// Of so many random bytes of the operating system, in base64url. kIo when it has none to give.
Result<std::string> RandomText(std::size_t bytes);

}  // namespace guidon
