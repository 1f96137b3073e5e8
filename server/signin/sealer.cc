#include "server/signin/sealer.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>

#include "core/base/freed.h"
#include "server/signin/key_set.h"

namespace guidon {
namespace {

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>>;

constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;

unsigned char* Bytes(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::optional<Sealer::Fields> Split(std::string_view text) {
  Sealer::Fields fields;
  while (!text.empty()) {
    if (text.size() < 2) return std::nullopt;
    const std::size_t size = static_cast<std::size_t>(Bytes(text)[0]) << 8 | Bytes(text)[1];
    text.remove_prefix(2);
    if (text.size() < size) return std::nullopt;
    fields.emplace_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return fields;
}

}  // namespace

Sealer::Sealer() : has_key_(RAND_bytes(key_.data(), static_cast<int>(key_.size())) == 1) {}

Sealer::~Sealer() {
  OPENSSL_cleanse(key_.data(), key_.size());
}

Result<std::string> Sealer::Seal(const Fields& fields) const {
  std::string plain;
  for (const std::string& field : fields) {
    if (field.size() > kMostFieldBytes) return Fail(ErrorCode::kTooLarge, "a text is too long to be sealed");
    plain += static_cast<char>(field.size() >> 8);
    plain += static_cast<char>(field.size() & 0xff);
    plain += field;
  }
  std::string sealed(kNonceBytes + plain.size() + kTagBytes, '\0');
  if (!has_key_ || RAND_bytes(Bytes(sealed), kNonceBytes) != 1) {
    return Fail(ErrorCode::kIo, "the operating system gave no random bytes to seal a text with");
  }
  unsigned char* const cipher_text = Bytes(sealed) + kNonceBytes;
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool is_sealed =
      cipher && EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_.data(), Bytes(sealed)) == 1 &&
      EVP_EncryptUpdate(cipher.get(), cipher_text, &size, Bytes(std::string_view(plain)),
                        static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(cipher.get(), cipher_text + plain.size(), &size) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, cipher_text + plain.size()) == 1;
  if (!is_sealed) return Fail(ErrorCode::kInternal, "AES-256-GCM failed");
  return EncodeBase64Url(sealed);
}

std::optional<Sealer::Fields> Sealer::Open(std::string_view text) const {
  std::optional<std::string> sealed = DecodeBase64Url(text);
  if (!has_key_ || !sealed || sealed->size() < kNonceBytes + kTagBytes) return std::nullopt;
  std::string plain(sealed->size() - kNonceBytes - kTagBytes, '\0');
  const unsigned char* const cipher_text = Bytes(*sealed) + kNonceBytes;
  unsigned char* const tag = Bytes(*sealed) + kNonceBytes + plain.size();
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool is_ours =
      cipher && EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_.data(), Bytes(*sealed)) == 1 &&
      EVP_DecryptUpdate(cipher.get(), Bytes(plain), &size, cipher_text, static_cast<int>(plain.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), Bytes(plain) + plain.size(), &size) == 1;
  if (!is_ours) return std::nullopt;
  return Split(plain);
}

}  // namespace guidon
