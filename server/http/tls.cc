#include "server/http/tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <string_view>

#include "core/base/freed.h"

namespace guidon::http {
namespace {

constexpr std::size_t kMostFileBytes = 1u << 20;  // a larger file is refused unread
constexpr long kTicketSeconds = 3600;             // how long a client may come back without a whole handshake

using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free>>;

Error Wrong(std::string_view setting, const std::string& file, const std::string& what) {
  return {ErrorCode::kIo, std::string(setting) + ": " + file + " " + what, {}};
}

// What OpenSSL says about its last failure; forgets the others.
std::string Reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "OpenSSL does not say why" : reason;
}

Result<std::string> ReadFile(std::string_view setting, const std::string& file) {
  std::error_code unknown;
  if (std::filesystem::is_directory(file, unknown)) return Fail(Wrong(setting, file, "cannot be read: it is a folder"));
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return Fail(Wrong(setting, file, std::string("cannot be read: ") + std::strerror(errno == 0 ? EIO : errno)));
  }
  std::string text(kMostFileBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kMostFileBytes) return Fail(Wrong(setting, file, "is larger than 1 MiB: no certificate or key is"));
  return text;
}

BioPtr Reading(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Every certificate of a PEM file, in order.
Result<std::vector<X509Ptr>> ReadCertificates(std::string_view setting, const std::string& file) {
  const Result<std::string> text = ReadFile(setting, file);
  if (!text) return Fail(text.error());
  const BioPtr bio = Reading(*text);
  std::vector<X509Ptr> certificates;
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) certificates.emplace_back(one);
  const unsigned long last = ERR_peek_last_error();
  const bool is_end = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  const std::string reason = Reason();
  if (!is_end) return Fail(Wrong(setting, file, "has a certificate that cannot be read: " + reason));
  if (certificates.empty()) return Fail(Wrong(setting, file, "has no certificate in PEM form"));
  return certificates;
}

std::int64_t UnixTime(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<std::int64_t>(timegm(&parts)) : 0;
}

// RFC 7301: a client that names protocols and not ours is refused; one that names none is not asked.
int ChooseProtocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                   unsigned int offered_size, void*) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, size, kOurs, sizeof kOurs - 1, offered, offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Tls::Tls() : context_(SSL_CTX_new(TLS_server_method())) {}
Tls::~Tls() {
  SSL_CTX_free(context_);
}

Result<std::shared_ptr<const Tls>> Tls::Load(const TlsFiles& files) {
  ERR_clear_error();
  const std::shared_ptr<Tls> tls(new Tls);
  if (Status configured = tls->Configure(); !configured) return Fail(configured.error());
  if (Status taken = tls->TakeCertificate(files); !taken) return Fail(taken.error());
  if (Status taken = tls->TakeKey(files); !taken) return Fail(taken.error());
  if (Status taken = tls->TakeClientAuthorities(files); !taken) return Fail(taken.error());
  return std::shared_ptr<const Tls>(tls);
}

Status Tls::Configure() {
  const bool taken = context_ != nullptr && SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION) == 1 &&
                     // Of TLS 1.2 what has forward secrecy and authenticates what it encrypts; 1.3 has nothing else.
                     SSL_CTX_set_cipher_list(context_, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
                     SSL_CTX_set1_groups_list(context_, "X25519:P-256:P-384") == 1;
  if (!taken) return Fail(ErrorCode::kInternal, "OpenSSL cannot be set up: " + Reason());
  // An end without close_notify is an end: requests say how long they are, so nothing is cut off unnoticed.
  SSL_CTX_set_options(context_, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                    SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // Buffers of 16 KiB are there only while a record is on its way; what a socket does not take is tried again from
  // wherever it lies by then.
  SSL_CTX_set_mode(context_,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One record at a time: records without data (key updates) must not keep a thread.
  SSL_CTX_clear_mode(context_, SSL_MODE_AUTO_RETRY);
  // Tickets, and no memory of sessions here. The key of tickets is that of the context, random.
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(context_, kTicketSeconds);
  SSL_CTX_set_session_id_context(context_, reinterpret_cast<const unsigned char*>("guidon"), 6);
  SSL_CTX_set_alpn_select_cb(context_, ChooseProtocol, nullptr);
  return {};
}

Status Tls::TakeCertificate(const TlsFiles& files) {
  Result<std::vector<X509Ptr>> read = ReadCertificates("tls-cert", files.certificate);
  if (!read) return Fail(read.error());
  valid_from_ = UnixTime(X509_get0_notBefore(read->front().get()));
  expires_ = std::numeric_limits<std::int64_t>::max();
  for (const X509Ptr& one : *read) expires_ = std::min(expires_, UnixTime(X509_get0_notAfter(one.get())));
  bool taken = SSL_CTX_use_certificate(context_, read->front().get()) == 1;
  for (std::size_t i = 1; i < read->size(); ++i)
    taken = taken && SSL_CTX_add1_chain_cert(context_, (*read)[i].get()) == 1;
  if (!taken) return Fail(Wrong("tls-cert", files.certificate, "cannot be used: " + Reason()));
  return {};
}

Status Tls::TakeKey(const TlsFiles& files) {
  const Result<std::string> text = ReadFile("tls-key", files.key);
  if (!text) return Fail(text.error());
  bool is_encrypted = false;
  // Without it, OpenSSL would ask on the terminal.
  const auto no_password = [](char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
  };
  const KeyPtr key(PEM_read_bio_PrivateKey(Reading(*text).get(), nullptr, no_password, &is_encrypted));
  const std::string reason = Reason();
  if (is_encrypted) return Fail(Wrong("tls-key", files.key, "is encrypted: give the key without a password"));
  if (!key) return Fail(Wrong("tls-key", files.key, "has no private key in PEM form: " + reason));
  if (X509_check_private_key(SSL_CTX_get0_certificate(context_), key.get()) != 1) {
    ERR_clear_error();
    return Fail(Wrong("tls-key", files.key, "is not the key of the certificate in " + files.certificate));
  }
  if (SSL_CTX_use_PrivateKey(context_, key.get()) != 1) {
    return Fail(Wrong("tls-key", files.key, "cannot be used: " + Reason()));
  }
  return {};
}

Status Tls::TakeClientAuthorities(const TlsFiles& files) {
  if (files.client_ca.empty()) return {};
  const Result<std::vector<X509Ptr>> authorities = ReadCertificates("tls-client-ca", files.client_ca);
  if (!authorities) return Fail(authorities.error());
  X509_STORE* const store = SSL_CTX_get_cert_store(context_);
  for (const X509Ptr& one : *authorities) {
    if (X509_STORE_add_cert(store, one.get()) != 1 || SSL_CTX_add_client_CA(context_, one.get()) != 1) {
      return Fail(Wrong("tls-client-ca", files.client_ca, "cannot be used: " + Reason()));
    }
  }
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return {};
}

std::string FingerprintOf(const TlsFiles& files) {
  std::string all;
  for (const std::string* file : {&files.certificate, &files.key, &files.client_ca}) {
    const Result<std::string> text = file->empty() ? Result<std::string>("") : ReadFile("", *file);
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
    unsigned int size = 0;
    const std::string_view content = text ? std::string_view(*text) : std::string_view();
    EVP_Digest(content.data(), content.size(), hash.data(), &size, EVP_sha256(), nullptr);
    all.append(reinterpret_cast<const char*>(hash.data()), size);
  }
  return all;
}

}  // namespace guidon::http
