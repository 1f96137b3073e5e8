#include "server/auth/authenticator.h"

#include <algorithm>
#include <mutex>

#include "core/model/units.h"
#include "server/auth/key_records.h"

namespace guidon {
namespace {

// RFC 9110: the scheme is matched without case, one or more blanks follow.
std::string_view KeyOf(std::string_view authorization) {
  constexpr std::string_view kBearer = "bearer ";
  const bool bearer = authorization.size() > kBearer.size() &&
                      std::equal(kBearer.begin(), kBearer.end(), authorization.begin(),
                                 [](char want, char c) { return want == (c >= 'A' && c <= 'Z' ? c + 32 : c); });
  if (bearer) authorization.remove_prefix(kBearer.size());
  const std::size_t first = authorization.find_first_not_of(' ');
  return first == std::string_view::npos ? std::string_view() : authorization.substr(first);
}

constexpr std::array<std::string_view, std::size(kDenials)> kDenialWords = {"missing", "malformed", "unknown",
                                                                            "revoked", "expired",   "rate_limited"};

}  // namespace

std::string_view ToString(Denial denial) {
  return kDenialWords[static_cast<std::size_t>(denial)];
}

void Authenticator::Put(KeyRecord record) {
  const bool revoked = record.revoked_ms != 0;
  {
    std::unique_lock lock(mutex_);
    Held& held = keys_[record.id];  // it keeps when it was last seen
    held.record = std::move(record);
  }
  if (revoked) ++revocations_;
}

void Authenticator::Remove(std::string_view id) {
  {
    std::unique_lock lock(mutex_);
    keys_.erase(std::string(id));
  }
  ++revocations_;
}

void Authenticator::End(std::string_view id) {
  {
    std::unique_lock lock(mutex_);
    const auto held = keys_.find(std::string(id));
    if (held == keys_.end()) return;
    if (!held->second.ended_ms) held->second.ended_ms = now_ms_();
  }
  ++revocations_;
}

std::optional<std::int64_t> Authenticator::EndedAt(std::string_view id) const {
  std::shared_lock lock(mutex_);
  const auto held = keys_.find(std::string(id));
  return held == keys_.end() ? std::nullopt : held->second.ended_ms;
}

Status Authenticator::Take(std::string_view space, std::string_view id, std::string_view value) {
  if (space == kKeySpace) {
    if (value.empty()) return Remove(id), Status();
    Result<KeyRecord> record = DecodeKeyRecord(id, value);
    if (!record) return Fail(record.error());
    Put(*std::move(record));
  } else if (space == kRoleSpace) {
    if (value.empty()) return members_.RemoveRole(id), Status();
    Result<Role> role = DecodeRole(id, value);
    if (!role) return Fail(role.error());
    members_.PutRole(*std::move(role));
  } else if (space == kMemberSpace) {
    if (value.empty()) return members_.Remove(id), Status();
    Result<TeamMember> member = DecodeMember(id, value);
    if (!member) return Fail(member.error());
    members_.Put(*std::move(member));
  } else if (space == kSessionSpace) {
    if (value.empty()) return sessions_.Remove(id), Status();
    Result<SessionRecord> session = DecodeSession(id, value);
    if (!session) return Fail(session.error());
    sessions_.Put(*std::move(session), now_ms_());
  }
  return {};
}

Result<Principal> Authenticator::Authenticate(std::string_view authorization, std::string_view api_key,
                                              std::string_view peer) const {
  if (authorization.empty() && api_key.empty()) {
    return Deny(Denial::kMissing, "the request has no key; send 'Authorization: Bearer gdn_…' or 'X-API-Key: gdn_…'");
  }
  const std::string_view shown = authorization.empty() ? api_key : KeyOf(authorization);
  if (shown.starts_with(kSessionPrefix)) return AuthenticateSession(shown, SessionDoor::kBearer, peer);
  const std::optional<ParsedKey> key = ParseKey(shown);
  if (!key) {
    return DenyGuess(Denial::kMalformed,
                     "what was sent as a key is none: it is cut off, mistyped, or of something else", peer);
  }
  std::shared_lock lock(mutex_);
  const auto held = keys_.find(std::string(key->selector));
  // An unknown selector costs the same hash as a wrong secret.
  static const KeyRecord kNobody{.id = "", .kind = KeyKind::kServer, .verifier = std::string(64, '0')};
  const KeyRecord& record = held == keys_.end() ? kNobody : held->second.record;
  if (!Matches(record, *key)) return DenyGuess(Denial::kUnknown, "the key is unknown to this server", peer);
  // From here on it is no guess.
  if (record.revoked_ms != 0 || held->second.ended_ms) {
    return Deny(Denial::kRevoked, "the key " + record.id + " was revoked");
  }
  const std::int64_t now_ms = now_ms_();
  if (!IsUsable(record, now_ms)) {
    return Deny(Denial::kExpired, "the key " + record.id + " expired at " + FormatTimestamp(record.expires_ms));
  }
  See(held->second, now_ms);
  return Principal{"key:" + record.id, record.kind, record.project, record.environment, members_.GrantsOf(record)};
}

Result<Principal> Authenticator::AuthenticateSession(std::string_view token, SessionDoor door,
                                                     std::string_view peer) const {
  const Sessions::Look look = sessions_.Find(token, door, now_ms_());
  if (look.state == Sessions::State::kUnknown) {
    return DenyGuess(Denial::kUnknown, "the session is unknown to this server, or was ended; sign in again", peer);
  }
  if (look.state == Sessions::State::kOver) return Deny(Denial::kExpired, "the session is over; sign in again");
  const SessionRecord& session = look.record;
  Principal who{.id = std::string(kBreakGlass), .kind = KeyKind::kAdmin, .session = session.id};
  if (session.member.empty()) {
    who.grants = members_.GrantsOf(Binding{std::string(kOwner), "", ""});
    return who;
  }
  std::optional<TeamMember> member = members_.Find(session.member);
  if (!member) return Deny(Denial::kRevoked, "the member whose session it is was removed");
  who.id = "member:" + session.member;
  for (Binding& binding : sessions_.BindingsOf(session.groups)) member->bindings.push_back(std::move(binding));
  who.grants = members_.GrantsOf(*member);
  return who;
}

tl::unexpected<Error> Authenticator::Deny(Denial denial, std::string message) const {
  denied_[static_cast<std::size_t>(denial)].fetch_add(1, std::memory_order_relaxed);
  const bool is_limited = denial == Denial::kLimited;
  return Fail(is_limited ? ErrorCode::kOverloaded : ErrorCode::kUnauthenticated, std::move(message));
}

tl::unexpected<Error> Authenticator::DenyGuess(Denial denial, std::string message, std::string_view peer) const {
  if (peer.empty() || limiter_.Take(peer, now_ms_())) return Deny(denial, std::move(message));
  return Deny(Denial::kLimited, "too many wrong keys came from this address; a valid one is let in at any time");
}

std::optional<Principal> Authenticator::PrincipalOf(std::string_view id) const {
  std::shared_lock lock(mutex_);
  const auto held = keys_.find(std::string(id));
  const std::int64_t now_ms = now_ms_();
  if (held == keys_.end() || !MayBeUsed(held->second, now_ms)) return std::nullopt;
  const KeyRecord& record = held->second.record;
  See(held->second, now_ms);
  return Principal{"key:" + record.id, record.kind, record.project, record.environment, members_.GrantsOf(record)};
}

std::optional<Principal> Authenticator::StandingOf(std::string_view principal) const {
  constexpr std::string_view kKey = "key:", kMember = "member:";
  if (principal.starts_with(kMember)) {
    std::optional<TeamMember> member = members_.Find(principal.substr(kMember.size()));
    if (!member) return std::nullopt;
    for (Binding& binding : sessions_.BindingsOf(member->groups)) member->bindings.push_back(std::move(binding));
    return Principal{std::string(principal), KeyKind::kAdmin, "", "", members_.GrantsOf(*member)};
  }
  if (!principal.starts_with(kKey)) return std::nullopt;
  std::string id(principal.substr(kKey.size()));
  std::shared_lock lock(mutex_);
  for (std::size_t steps = 0; steps <= keys_.size(); ++steps) {  // which ends it, should records ever form a ring
    const auto held = keys_.find(id);
    if (held == keys_.end()) return std::nullopt;
    const KeyRecord& record = held->second.record;
    if (MayBeUsed(held->second, now_ms_())) {
      return Principal{"key:" + record.id, record.kind, record.project, record.environment, members_.GrantsOf(record)};
    }
    if (record.replaced_by.empty()) return std::nullopt;
    id = record.replaced_by;
  }
  return std::nullopt;
}

std::string Authenticator::PersonOf(std::string_view principal) const {
  constexpr std::string_view kKey = "key:";
  if (!principal.starts_with(kKey)) return std::string(principal);
  std::string id(principal.substr(kKey.size()));
  std::shared_lock lock(mutex_);
  for (std::size_t steps = 0; steps <= keys_.size(); ++steps) {  // which ends it, should records ever form a ring
    const auto held = keys_.find(id);
    if (held == keys_.end()) break;
    if (!held->second.record.member.empty()) return "member:" + held->second.record.member;
    if (held->second.record.replaced_by.empty()) break;
    id = held->second.record.replaced_by;
  }
  return std::string(kKey) + id;
}

std::optional<std::int64_t> Authenticator::SinceOf(std::string_view person) const {
  constexpr std::string_view kKey = "key:", kMember = "member:";
  if (person.starts_with(kMember)) {
    const std::optional<TeamMember> member = members_.Find(person.substr(kMember.size()));
    return member ? std::optional<std::int64_t>(member->created_ms) : std::nullopt;
  }
  if (!person.starts_with(kKey)) return std::nullopt;
  const std::optional<KeyRecord> record = Find(person.substr(kKey.size()));
  return record ? std::optional<std::int64_t>(record->created_ms) : std::nullopt;
}

bool Authenticator::IsValid(std::string_view id) const {
  std::shared_lock lock(mutex_);
  const auto held = keys_.find(std::string(id));
  const std::int64_t now_ms = now_ms_();
  if (held == keys_.end() || !MayBeUsed(held->second, now_ms)) return false;
  See(held->second, now_ms);
  return true;
}

// Many threads show the same key: only few of them write to its line of memory.
void Authenticator::See(const Held& held, std::int64_t now_ms) {
  constexpr std::int64_t kCoarseMs = 10'000;
  const std::int64_t seen_ms = held.seen_ms.load(std::memory_order_relaxed);
  if (now_ms >= seen_ms + kCoarseMs || seen_ms == 0) held.seen_ms.store(now_ms, std::memory_order_relaxed);
}

std::int64_t Authenticator::LastSeen(std::string_view id) const {
  std::shared_lock lock(mutex_);
  const auto held = keys_.find(std::string(id));
  return held == keys_.end() ? 0 : held->second.seen_ms.load(std::memory_order_relaxed);
}

std::optional<KeyRecord> Authenticator::Find(std::string_view id) const {
  std::shared_lock lock(mutex_);
  const auto held = keys_.find(std::string(id));
  if (held == keys_.end()) return std::nullopt;
  return held->second.record;
}

std::vector<KeyRecord> Authenticator::List(std::string_view project) const {
  std::vector<KeyRecord> list;
  {
    std::shared_lock lock(mutex_);
    for (const auto& [id, held] : keys_) {
      const KeyRecord& record = held.record;
      if (record.project.empty() || record.project == project) list.push_back(record);
    }
  }
  std::sort(list.begin(), list.end(), [](const KeyRecord& a, const KeyRecord& b) {
    return a.created_ms != b.created_ms ? a.created_ms > b.created_ms : a.id < b.id;
  });
  return list;
}

std::vector<KeyRecord> Authenticator::ListOf(std::string_view member) const {
  std::vector<KeyRecord> list;
  std::shared_lock lock(mutex_);
  for (const auto& [id, held] : keys_) {
    if (held.record.member == member) list.push_back(held.record);
  }
  return list;
}

std::vector<KeyRecord> Authenticator::ListOfRole(std::string_view role) const {
  std::vector<KeyRecord> list;
  std::shared_lock lock(mutex_);
  for (const auto& [id, held] : keys_) {
    const KeyRecord& record = held.record;
    if (record.kind == KeyKind::kAdmin && RoleOf(record) == role) list.push_back(record);
  }
  return list;
}

bool Authenticator::HasValidOwnerKey() const {
  const std::int64_t now_ms = now_ms_();
  std::shared_lock lock(mutex_);
  return std::any_of(keys_.begin(), keys_.end(), [&](const auto& entry) {
    return MayBeUsed(entry.second, now_ms) && members_.IsOwnerKey(entry.second.record);
  });
}

}  // namespace guidon
