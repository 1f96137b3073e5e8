#include "tests/support/certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <fstream>
#include <stdexcept>
#include <utility>

namespace guidon::testing {
namespace {

template <typename Write>
std::string PemOf(const Write& write) {
  BIO* text = ::BIO_new(::BIO_s_mem());
  write(text);
  char* data = nullptr;
  const long size = BIO_get_mem_data(text, &data);
  std::string pem(data, static_cast<std::size_t>(size));
  ::BIO_free(text);
  return pem;
}

}  // namespace

Certificate MakeCertificate(const CertificateOptions& options) {
  EVP_PKEY* key = ::EVP_EC_gen("P-256");
  X509* certificate = ::X509_new();
  ::X509_set_version(certificate, 2);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate), 1);
  ::X509_gmtime_adj(::X509_getm_notBefore(certificate), options.begins.count());
  ::X509_gmtime_adj(::X509_getm_notAfter(certificate), options.ends.count());
  ::X509_set_pubkey(certificate, key);
  X509_NAME* name = ::X509_get_subject_name(certificate);
  ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(options.name.c_str()),
                               -1, -1, 0);
  ::X509_set_issuer_name(certificate, name);
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  for (const auto& [id, value] : {std::pair{NID_basic_constraints, "critical,CA:TRUE"},
                                  std::pair{NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost,DNS:later.test"}}) {
    X509_EXTENSION* extension = ::X509V3_EXT_conf_nid(nullptr, &context, id, value);
    ::X509_add_ext(certificate, extension, -1);
    ::X509_EXTENSION_free(extension);
  }
  const bool is_signed = ::X509_sign(certificate, key, ::EVP_sha256()) > 0;
  Certificate made;
  made.pem = PemOf([&](BIO* text) { ::PEM_write_bio_X509(text, certificate); });
  made.key_pem =
      PemOf([&](BIO* text) { ::PEM_write_bio_PrivateKey(text, key, nullptr, nullptr, 0, nullptr, nullptr); });
  ::X509_free(certificate);
  ::EVP_PKEY_free(key);
  if (!is_signed) throw std::runtime_error("a certificate cannot be made");
  return made;
}

void CertificateFiles::Replace(const Certificate& certificate) {
  std::ofstream(certificate_file()) << certificate.pem;
  std::ofstream(key_file()) << certificate.key_pem;
}

}  // namespace guidon::testing
