// An OpenID provider of a test's own, which misbehaves as the test says: real sockets on loopback, real signatures.
//
//   OidcProvider provider;
//   provider.SetClaims([](Object& claims) { claims.Set("aud", "somebody else"); });
//   … the server under test exchanges a code, and gets a token for somebody else …
//
// There is no page to sign in at: the test takes state and nonce out of the address that the browser is sent to, and
// comes back with any code. The token has the nonce of SetNonce.
//
// Thread safety: one thread, beside that of the provider.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <guidon/value.h>
#include "tests/support/scripted_server.h"

struct evp_pkey_st;

namespace guidon::testing {

// A key that signs JWTs.
class JwtKey {
 public:
  // "ES256", "RS256", "EdDSA"; RSA keys of so many bits.
  explicit JwtKey(std::string algorithm, std::string id, int rsa_bits = 2048);

  Object Jwk() const;  // the public half
  std::string Signature(std::string_view text) const;
  // header.payload.signature; `alg` and `kid` are set where the header does not say otherwise.
  std::string Token(const Object& claims, Object header = {}) const;

  const std::string& id() const { return id_; }
  std::string PublicPem() const;

 private:
  std::string algorithm_, id_;
  std::shared_ptr<evp_pkey_st> key_;
};

std::string JwksOf(const std::vector<const JwtKey*>& keys);
// Base64url without padding.
std::string Base64UrlOf(std::string_view bytes);

class OidcProvider {
 public:
  OidcProvider();
  ~OidcProvider();
  OidcProvider(const OidcProvider&) = delete;
  OidcProvider& operator=(const OidcProvider&) = delete;

  std::string issuer() const { return server_.url(); }

  // What the next tokens say and how they are made; each stays until it is set again.
  void SetNonce(std::string nonce);
  void SetNow(std::int64_t now_s);
  void SetClaims(std::function<void(Object&)> change);  // of the right ones
  void SetHeader(std::function<void(Object&)> change);
  void SetToken(std::function<std::string(std::string)> change);  // of the whole token
  // A whole answer to the exchange of a code instead; status 0: as usual.
  void SetExchange(int status, std::string body);
  void SetDiscovery(std::function<void(Object&)> change);
  // From now on tokens are signed by another key, and only that one is published.
  void Rotate(std::string algorithm, std::string id);
  void Publish(std::string jwks);  // instead of its own

  int key_reads() const { return key_reads_; }
  std::string last_exchange() const;  // the body of the last request for a token

  static constexpr std::string_view kClient = "guidon", kSubject = "248289761001";

 private:
  void Run();
  void Answer(ScriptedServer::Connection& connection);
  std::string Token();

  ScriptedServer server_;
  mutable std::mutex mutex_;
  std::unique_ptr<JwtKey> key_;  // all below: guarded by mutex_
  std::string nonce_, jwks_, exchange_body_, last_exchange_;
  std::int64_t now_s_ = 0;
  int exchange_status_ = 0;
  std::function<void(Object&)> claims_, header_, discovery_;
  std::function<std::string(std::string)> token_;
  std::atomic<int> key_reads_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace guidon::testing
