#include "tests/support/oidc_provider.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>
#include <stdexcept>
#include <utility>

#include "core/base/json.h"

namespace guidon::testing {
namespace {

std::string NumberOf(const EVP_PKEY* key, const char* name, int size) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) throw std::runtime_error("no such part of a key");
  std::string bytes(static_cast<std::size_t>(size == 0 ? BN_num_bytes(number) : size), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  BN_free(number);
  return bytes;
}

void Change(const std::function<void(Object&)>& change, Object& object) {
  if (change) change(object);
}

}  // namespace

std::string Base64UrlOf(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  text.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                       reinterpret_cast<const unsigned char*>(bytes.data()),
                                                       static_cast<int>(bytes.size()))));
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

JwtKey::JwtKey(std::string algorithm, std::string id, int rsa_bits)
    : algorithm_(std::move(algorithm)), id_(std::move(id)) {
  EVP_PKEY* key = algorithm_ == "RS256"   ? EVP_RSA_gen(static_cast<unsigned int>(rsa_bits))
                  : algorithm_ == "ES256" ? EVP_EC_gen("P-256")
                                          : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  if (key == nullptr) throw std::runtime_error("no key for " + algorithm_);
  key_.reset(key, EVP_PKEY_free);
}

Object JwtKey::Jwk() const {
  Object jwk{{"kid", Value(id_)}, {"use", Value("sig")}, {"alg", Value(algorithm_)}};
  if (algorithm_ == "RS256") {
    jwk.Set("kty", "RSA");
    jwk.Set("n", Base64UrlOf(NumberOf(key_.get(), OSSL_PKEY_PARAM_RSA_N, 0)));
    jwk.Set("e", Base64UrlOf(NumberOf(key_.get(), OSSL_PKEY_PARAM_RSA_E, 0)));
  } else if (algorithm_ == "ES256") {
    jwk.Set("kty", "EC");
    jwk.Set("crv", "P-256");
    jwk.Set("x", Base64UrlOf(NumberOf(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, 32)));
    jwk.Set("y", Base64UrlOf(NumberOf(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, 32)));
  } else {
    std::string bytes(32, '\0');
    std::size_t size = bytes.size();
    EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(bytes.data()), &size);
    jwk.Set("kty", "OKP");
    jwk.Set("crv", "Ed25519");
    jwk.Set("x", Base64UrlOf(bytes));
  }
  return jwk;
}

std::string JwtKey::Signature(std::string_view text) const {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  std::array<unsigned char, 1024> bytes;
  std::size_t size = bytes.size();
  const bool is_signed =
      EVP_DigestSignInit(context, nullptr, algorithm_ == "EdDSA" ? nullptr : EVP_sha256(), nullptr, key_.get()) == 1 &&
      EVP_DigestSign(context, bytes.data(), &size, reinterpret_cast<const unsigned char*>(text.data()), text.size()) ==
          1;
  EVP_MD_CTX_free(context);
  if (!is_signed) throw std::runtime_error("cannot sign");
  if (algorithm_ != "ES256") return {reinterpret_cast<const char*>(bytes.data()), size};
  const unsigned char* der = bytes.data();
  ECDSA_SIG* parts = d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(size));
  std::string both(64, '\0');
  BN_bn2binpad(ECDSA_SIG_get0_r(parts), reinterpret_cast<unsigned char*>(both.data()), 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(parts), reinterpret_cast<unsigned char*>(both.data()) + 32, 32);
  ECDSA_SIG_free(parts);
  return both;
}

std::string JwtKey::Token(const Object& claims, Object header) const {
  if (header.Find("alg") == nullptr) header.Set("alg", algorithm_);
  if (header.Find("kid") == nullptr) header.Set("kid", id_);
  const std::string text = Base64UrlOf(ToJson(Value(header))) + "." + Base64UrlOf(ToJson(Value(claims)));
  return text + "." + Base64UrlOf(Signature(text));
}

std::string JwtKey::PublicPem() const {
  BIO* memory = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(memory, key_.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory, &text);
  std::string pem(text, static_cast<std::size_t>(size));
  BIO_free(memory);
  return pem;
}

std::string JwksOf(const std::vector<const JwtKey*>& keys) {
  Array list;
  for (const JwtKey* key : keys) list.emplace_back(key->Jwk());
  return ToJson(Object{{"keys", Value(std::move(list))}});
}

OidcProvider::OidcProvider() {
  Rotate("ES256", "first");
  thread_ = std::thread([this] { Run(); });
}

OidcProvider::~OidcProvider() {
  stopping_ = true;
  thread_.join();
}

void OidcProvider::SetNonce(std::string nonce) {
  const std::lock_guard lock(mutex_);
  nonce_ = std::move(nonce);
}
void OidcProvider::SetNow(std::int64_t now_s) {
  const std::lock_guard lock(mutex_);
  now_s_ = now_s;
}
void OidcProvider::SetClaims(std::function<void(Object&)> change) {
  const std::lock_guard lock(mutex_);
  claims_ = std::move(change);
}
void OidcProvider::SetHeader(std::function<void(Object&)> change) {
  const std::lock_guard lock(mutex_);
  header_ = std::move(change);
}
void OidcProvider::SetToken(std::function<std::string(std::string)> change) {
  const std::lock_guard lock(mutex_);
  token_ = std::move(change);
}
void OidcProvider::SetExchange(int status, std::string body) {
  const std::lock_guard lock(mutex_);
  exchange_status_ = status;
  exchange_body_ = std::move(body);
}
void OidcProvider::SetDiscovery(std::function<void(Object&)> change) {
  const std::lock_guard lock(mutex_);
  discovery_ = std::move(change);
}
void OidcProvider::Rotate(std::string algorithm, std::string id) {
  auto key = std::make_unique<JwtKey>(std::move(algorithm), std::move(id));
  const std::lock_guard lock(mutex_);
  key_ = std::move(key);
  jwks_ = JwksOf({key_.get()});
}
void OidcProvider::Publish(std::string jwks) {
  const std::lock_guard lock(mutex_);
  jwks_ = std::move(jwks);
}
std::string OidcProvider::last_exchange() const {
  const std::lock_guard lock(mutex_);
  return last_exchange_;
}

void OidcProvider::Run() {
  while (!stopping_) {
    if (const auto connection = server_.Accept(std::chrono::milliseconds(50))) Answer(*connection);
  }
}

void OidcProvider::Answer(ScriptedServer::Connection& connection) {
  const std::lock_guard lock(mutex_);
  const std::string& target = connection.request().target;
  const ScriptedServer::Headers json = {{"Content-Type", "application/json"}};
  if (target == "/.well-known/openid-configuration") {
    Object document{{"issuer", Value(issuer())},
                    {"authorization_endpoint", Value(issuer() + "/authorize")},
                    {"token_endpoint", Value(issuer() + "/token")},
                    {"jwks_uri", Value(issuer() + "/keys")}};
    Change(discovery_, document);
    connection.SendAnswer(200, json, ToJson(Value(document)));
  } else if (target == "/keys") {
    ++key_reads_;
    connection.SendAnswer(200, json, jwks_);
  } else if (target == "/token") {
    last_exchange_ = connection.request().body;
    const bool is_usual = exchange_status_ == 0;
    connection.SendAnswer(is_usual ? 200 : exchange_status_, json, is_usual ? Token() : exchange_body_);
  } else {
    connection.SendAnswer(404);
  }
}

std::string OidcProvider::Token() {
  Object claims{{"iss", Value(issuer())},       {"sub", Value(kSubject)},
                {"aud", Value(kClient)},        {"exp", Value(now_s_ + 300)},
                {"iat", Value(now_s_)},         {"nonce", Value(nonce_)},
                {"name", Value("Ana Example")}, {"email", Value("ana@example.com")}};
  Object header{{"typ", Value("JWT")}};
  Change(claims_, claims);
  Change(header_, header);
  std::string token = key_->Token(claims, header);
  if (token_) token = token_(std::move(token));
  return ToJson(Object{{"token_type", Value("Bearer")}, {"access_token", Value("none")}, {"id_token", Value(token)}});
}

}  // namespace guidon::testing
