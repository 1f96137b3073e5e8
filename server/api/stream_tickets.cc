#include "server/api/stream_tickets.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

namespace guidon {
namespace {

constexpr std::size_t kMacBytes = 16;
constexpr std::string_view kHexDigits = "0123456789abcdef";

std::string ToHex(const unsigned char* bytes, std::size_t size) {
  std::string text;
  text.reserve(2 * size);
  for (std::size_t i = 0; i < size; ++i) {
    text += kHexDigits[bytes[i] >> 4];
    text += kHexDigits[bytes[i] & 15];
  }
  return text;
}

std::string ToHex(std::uint64_t number) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
  return {digits.data(), end};
}

std::optional<std::uint64_t> FromHex(std::string_view text) {
  std::uint64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

bool IsId(std::string_view text) {
  return text.size() == StreamTickets::kIdSize && text.find_first_not_of(kHexDigits) == std::string_view::npos;
}

}  // namespace

StreamTickets::StreamTickets(std::function<std::int64_t()> now_ms)
    : now_ms_(std::move(now_ms)), secret_([] {
        std::string secret(32, '\0');
        RAND_bytes(reinterpret_cast<unsigned char*>(secret.data()), static_cast<int>(secret.size()));
        return secret;
      }()) {}

StreamTickets::Ticket StreamTickets::Issue(std::string_view key, Revision revision) const {
  std::array<unsigned char, kIdSize / 2> random{};
  RAND_bytes(random.data(), static_cast<int>(random.size()));
  Ticket ticket;
  ticket.id = ToHex(random.data(), random.size());
  ticket.text = ticket.id + "." + ToHex(static_cast<std::uint64_t>(now_ms_() + kValidMs)) + "." + ToHex(revision) +
                "." + std::string(key);
  ticket.text += "." + MacOf(ticket.text);
  return ticket;
}

std::string StreamTickets::MacOf(std::string_view text) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size);
  return ToHex(mac.data(), kMacBytes);
}

// Whoever comes in vain will want another.
Result<StreamTickets::Parsed> StreamTickets::Read(std::string_view text) {
  constexpr std::size_t kMacDigits = 2 * kMacBytes;
  const auto fail = [&](std::string_view why) {
    const std::string_view id = text.substr(0, text.find('.'));
    if (IsId(id)) {
      MutexLock lock(mutex_);
      MarkGone(id);
    }
    return Fail(ErrorCode::kUnauthenticated,
                "the stream's ticket " + std::string(why) + "; evaluate again for another");
  };
  std::array<std::string_view, 5> parts;
  std::string_view rest = text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t dot = i + 1 < parts.size() ? rest.find('.') : rest.size();
    if (dot == std::string_view::npos) return fail("is none");
    parts[i] = rest.substr(0, dot);
    rest.remove_prefix(std::min(rest.size(), dot + 1));
  }
  const auto expires_ms = FromHex(parts[1]), revision = FromHex(parts[2]);
  if (!IsId(parts[0]) || !expires_ms || !revision || parts[4].size() != kMacDigits) return fail("is none");
  const std::string mac = MacOf(text.substr(0, text.size() - kMacDigits - 1));
  if (CRYPTO_memcmp(mac.data(), parts[4].data(), kMacDigits) != 0) return fail("is none of this process");
  if (static_cast<std::uint64_t>(now_ms_()) >= *expires_ms) return fail("has expired");
  return Parsed{parts[0], parts[3], static_cast<std::int64_t>(*expires_ms), *revision};
}

Result<std::string> StreamTickets::KeyOf(std::string_view text) {
  Result<Parsed> ticket = Read(text);
  if (!ticket) return Fail(ticket.error());
  return std::string(ticket->key);
}

Result<StreamTickets::Entry> StreamTickets::Redeem(std::string_view text) {
  Result<Parsed> ticket = Read(text);
  if (!ticket) return Fail(ticket.error());
  const std::string id(ticket->id);
  MutexLock lock(mutex_);
  ForgetExpired(now_ms_());
  const auto [held, is_new] =
      redeemed_.try_emplace(id, Redeemed{std::string(text), std::string(ticket->key), ticket->expires_ms, true});
  if (!is_new) {
    MarkGone(id);  // also when its stream seems to be open: the other side may be gone without a word
    return Fail(ErrorCode::kUnauthenticated,
                "the stream's ticket was used already: it opens one stream; evaluate again for another");
  }
  expiring_.emplace_back(ticket->expires_ms, id);
  return Entry{std::string(ticket->key), ticket->revision, std::make_unique<Lease>(*this, id)};
}

std::string StreamTickets::OpenText(std::string_view id, std::string_view key) const {
  MutexLock lock(mutex_);
  const auto held = redeemed_.find(std::string(id));
  const bool is_of_use = held != redeemed_.end() && held->second.is_open && !gone_.contains(held->first);
  return is_of_use && held->second.key == key ? held->second.text : "";
}

bool StreamTickets::IsGone(std::string_view id) const {
  MutexLock lock(mutex_);
  return gone_.contains(std::string(id));
}

void StreamTickets::Close(const std::string& id) {
  MutexLock lock(mutex_);
  const auto held = redeemed_.find(id);
  if (held == redeemed_.end()) return;
  held->second.is_open = false;
  MarkGone(id);
  // Until it expires it has to be known as used.
  if (held->second.expires_ms <= now_ms_()) redeemed_.erase(held);
}

void StreamTickets::MarkGone(std::string_view id) {
  if (!gone_.emplace(id).second) return;
  gone_order_.emplace_back(id);
  if (gone_order_.size() <= kMostGone) return;
  gone_.erase(gone_order_.front());
  gone_order_.pop_front();
}

// In the order of redeeming, which is about that of expiring: nothing stays for longer than twice its time.
void StreamTickets::ForgetExpired(std::int64_t now_ms) {
  while (!expiring_.empty() && expiring_.front().first <= now_ms) {
    const auto held = redeemed_.find(expiring_.front().second);
    if (held != redeemed_.end() && !held->second.is_open) redeemed_.erase(held);
    expiring_.pop_front();
  }
}

}  // namespace guidon
