#include "server/auth/key.h"
#include "server/feed/feed.h"
#include "tests/fuzz/targets.h"

namespace guidon::fuzz {
namespace {

constexpr const char* kEpoch = "k3v9x0q2m7p1c8d4";
constexpr Revision kChanged = 3, kHead = 9;

void CheckKey(std::string_view text) {
  const std::optional<ParsedKey> key = ParseKey(text);
  const std::string masked = MaskKey(text);
  if (!key) return Require(masked == "(not a key)", "of what is no key nothing is shown");
  Require(masked.find(key->secret) == std::string::npos, "a secret is never shown");
  Require(!key->selector.empty() && !key->secret.empty(), "a key has both parts");
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string other(text);
    other[i] = static_cast<char>(other[i] ^ 1);
    Require(!ParseKey(other), "a typing error is told from a key");
  }
  Require(!ParseKey(text.substr(1)) && !ParseKey(text.substr(0, text.size() - 1)), "a part of a key is none");
}

void CheckEventId(std::string_view id) {
  static const std::shared_ptr<Channel> channel = [] {
    Feed feed(kEpoch, {}, [] {});
    feed.Open({"shop", "production"}, {}, nullptr, kChanged, kHead);
    return feed.Find({"shop", "production"});
  }();
  const Cursor cursor = channel->Resume(id);
  const std::string epoch = std::string(kEpoch) + "-";
  if (cursor.needs_snapshot) return;
  Require(kChanged <= cursor.revision && cursor.revision <= kHead, "only a revision that is held is resumed from");
  Require(id.starts_with(epoch) && id.ends_with(std::to_string(cursor.revision)), "and only of this epoch");
  Require(!channel->Resume(epoch + std::to_string(cursor.revision)).needs_snapshot, "as the server writes it, too");
}

}  // namespace

void Auth(std::string_view input) {
  CheckKey(input);
  CheckEventId(input);
  CheckEventId(std::string(kEpoch) + "-" + std::string(input));
}

}  // namespace guidon::fuzz
