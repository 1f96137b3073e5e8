#include "audit/checkpoint.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include <guidon/value.h>
#include "audit/hex.h"
#include "core/base/json.h"

namespace guidon {
namespace {

constexpr std::string_view kBegin = "gcp1.";
constexpr std::string_view kSigned = "guidon-checkpoint-1\n";
constexpr std::size_t kSignatureBytes = 64;
constexpr std::size_t kKeyIdDigits = 16;
constexpr std::size_t kMostText = 512;  // far beyond the longest

using Pkey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
using Memory = std::unique_ptr<BIO, decltype(&BIO_free)>;

const unsigned char* BytesOf(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// Without a pass phrase: nobody is there to type one.
int NoPassPhrase(char*, int, int, void*) {
  return 0;
}

// One way to write a number: no sign, no zeros in front.
std::optional<std::uint64_t> NumberOf(std::string_view text) {
  std::uint64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return std::to_string(number) == text ? std::optional(number) : std::nullopt;
}

std::string SignedPartOf(std::string_view text) {
  return std::string(kSigned).append(text.substr(0, text.rfind('.')));
}

bool IsOfEpoch(std::string_view text) {
  return text.size() == 16 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

// Takes `name=value` from the front of what a line of a log has left; false at its end. A value is as it stands there,
// its quotes included: what is escaped in it is no concern here.
bool TakeField(std::string_view& line, std::string_view& name, std::string_view& value) {
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return false;
  name = line.substr(0, equals);
  line.remove_prefix(equals + 1);
  std::size_t end = 0;
  if (line.starts_with('"')) {
    for (end = 1; end < line.size() && line[end] != '"'; ++end) end += line[end] == '\\' ? 1 : 0;
    end = std::min(end + 1, line.size());
  } else {
    end = std::min(line.find(' '), line.size());
  }
  value = line.substr(0, end);
  line.remove_prefix(end);
  return true;
}

// The field `checkpoint` of a line that guidond's log has for each; "" of any other line.
std::string_view CheckpointOfLog(std::string_view line) {
  constexpr std::string_view kFirst = "level=";
  std::size_t at = line.find(kFirst);
  while (at != std::string_view::npos && at > 0 && !IsBlank(line[at - 1])) at = line.find(kFirst, at + 1);
  if (at == std::string_view::npos) return {};
  line.remove_prefix(at);
  bool is_about_one = false;
  for (std::string_view name, value; TakeField(line, name, value);) {
    if (name == "msg") is_about_one = value == "\"audit checkpoint\"";
    if (name == "checkpoint" && is_about_one) return value;
  }
  return {};
}

// Of a line that is a JSON object.
void TakeOfObject(const Value& object, std::vector<std::string>& found) {
  if (const Value* list = object.Find("guidon_audit") ? object.Find("checkpoints") : nullptr) {
    for (const Value& text : list->AsArray()) found.push_back(text.AsString());
  }
  if (object.Find("verified") != nullptr) {
    if (const Value* newest = object.Find("newest_checkpoint")) found.push_back(newest->AsString());
  }
  for (const Member& member : object.AsObject()) {
    std::string_view line = member.value.AsString();
    while (!line.empty() && (line.back() == '\n' || IsBlank(line.back()))) line.remove_suffix(1);
    if (line.starts_with("level=")) found.emplace_back(CheckpointOfLog(line));
  }
}

}  // namespace

Result<Checkpoint> ReadCheckpoint(std::string_view text) {
  const auto refuse = [] {
    return Fail(ErrorCode::kInvalid, "it is no checkpoint; one looks like gcp1.EPOCH.REVISION.TIME.HASH.KEY.SIGNATURE");
  };
  std::vector<std::string_view> parts;
  for (std::string_view rest = text.substr(0, kMostText);;) {
    const std::size_t dot = rest.find('.');
    parts.push_back(rest.substr(0, dot));
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (text.size() > kMostText || parts.size() != 7 || parts[0] != kBegin.substr(0, 4)) return refuse();
  const auto revision = NumberOf(parts[2]), time = NumberOf(parts[3]);
  Checkpoint checkpoint;
  const bool is_hash = FromHex(parts[4], checkpoint.hash);
  const auto key = FromHex(parts[5]), signature = FromHex(parts[6]);
  if (!IsOfEpoch(parts[1]) || !revision || !time || *time > (std::uint64_t{1} << 53) || !is_hash || !key ||
      parts[5].size() != kKeyIdDigits || !signature || signature->size() != kSignatureBytes) {
    return refuse();
  }
  checkpoint.epoch = parts[1];
  checkpoint.revision = *revision;
  checkpoint.time = Timestamp(std::chrono::milliseconds(*time));
  checkpoint.key_id = parts[5];
  checkpoint.text = text;
  return checkpoint;
}

std::vector<Checkpoint> FindCheckpoints(std::string_view text) {
  std::vector<Checkpoint> found;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find(kBegin) == std::string_view::npos) continue;
    std::vector<std::string> texts;
    if (line.starts_with('{')) {
      if (const Result<Value> object = ParseJson(line)) TakeOfObject(*object, texts);
    } else {
      texts.emplace_back(line.starts_with(kBegin) ? line : CheckpointOfLog(line));
    }
    for (const std::string& one : texts) {
      if (Result<Checkpoint> read = ReadCheckpoint(one)) found.push_back(*std::move(read));
    }
  }
  return found;
}

// ---- Public keys -------------------------------------------------------------------------------------------------

Result<PublicKey> PublicKey::FromText(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  PublicKey key;
  if (FromHex(text, key.bytes_)) return key;
  const Memory memory(BIO_new_mem_buf(text.data(), static_cast<int>(std::min<std::size_t>(text.size(), 1u << 16))),
                      &BIO_free);
  const Pkey read(PEM_read_bio_PUBKEY(memory.get(), nullptr, &NoPassPhrase, nullptr), &EVP_PKEY_free);
  std::size_t size = key.bytes_.size();
  if (!read || EVP_PKEY_id(read.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(read.get(), key.bytes_.data(), &size) != 1) {
    return Fail(ErrorCode::kInvalid, "it is no public key: expected 64 hex digits, or an Ed25519 key in PEM");
  }
  return key;
}

bool PublicKey::Verifies(const Checkpoint& checkpoint) const {
  if (checkpoint.key_id != Id()) return false;
  const auto signature = FromHex(std::string_view(checkpoint.text).substr(checkpoint.text.rfind('.') + 1));
  const std::string message = SignedPartOf(checkpoint.text);
  const Pkey key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_.data(), bytes_.size()), &EVP_PKEY_free);
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  return signature && key && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), BytesOf(*signature), signature->size(), BytesOf(message), message.size()) == 1;
}

std::string PublicKey::Hex() const {
  return ToHex(bytes_);
}

std::string PublicKey::Id() const {
  const std::string_view bytes(reinterpret_cast<const char*>(bytes_.data()), bytes_.size());
  return ToHex(Sha256(bytes)).substr(0, kKeyIdDigits);
}

// ---- Signing -----------------------------------------------------------------------------------------------------

struct SigningKey::Key {
  Pkey key{nullptr, &EVP_PKEY_free};
};

SigningKey::SigningKey(std::shared_ptr<const Key> key) : key_(std::move(key)) {
  std::size_t size = public_key_.bytes_.size();
  if (EVP_PKEY_get_raw_public_key(key_->key.get(), public_key_.bytes_.data(), &size) != 1) std::abort();
}

Result<SigningKey> SigningKey::Generate() {
  auto key = std::make_shared<Key>();
  key->key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key->key) return Fail(ErrorCode::kIo, "the operating system gave no random bytes for a signing key");
  return SigningKey(std::move(key));
}

Result<SigningKey> SigningKey::FromPem(std::string_view text) {
  const Memory memory(BIO_new_mem_buf(text.data(), static_cast<int>(std::min<std::size_t>(text.size(), 1u << 16))),
                      &BIO_free);
  auto key = std::make_shared<Key>();
  key->key.reset(PEM_read_bio_PrivateKey(memory.get(), nullptr, &NoPassPhrase, nullptr));
  if (!key->key || EVP_PKEY_id(key->key.get()) != EVP_PKEY_ED25519) {
    return Fail(ErrorCode::kInvalid, "it is no Ed25519 private key in PEM (`openssl genpkey -algorithm ed25519`)");
  }
  return SigningKey(std::move(key));
}

std::string SigningKey::Sign(const std::string& epoch, Revision revision, const Hash256& hash, Timestamp time) const {
  std::string text(kBegin);
  text.append(epoch).append(".").append(std::to_string(revision)).append(".");
  text.append(std::to_string(time.time_since_epoch().count())).append(".");
  text.append(ToHex(hash)).append(".").append(public_key_.Id()).append(".");
  const std::string message = SignedPartOf(text);
  std::array<std::uint8_t, kSignatureBytes> signature;
  std::size_t size = signature.size();
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_->key.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, BytesOf(message), message.size()) != 1) {
    std::abort();  // of a key that was read: memory has run out
  }
  return text.append(ToHex(signature));
}

std::string SigningKey::Pem() const {
  const Memory memory(BIO_new(BIO_s_mem()), &BIO_free);
  if (PEM_write_bio_PKCS8PrivateKey(memory.get(), key_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    std::abort();
  }
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &bytes);
  return std::string(bytes, static_cast<std::size_t>(size));
}

}  // namespace guidon
