// Knows every key and tells who a request comes from.
//
//   Authenticator authenticator(NowMs);
//   for (const Item& item : keys) authenticator.Take(item.space, item.id, item.value);
//   Result<Principal> who = authenticator.Authenticate(request.Header("Authorization"));
//
// What an admin key may do comes from its role and its member, which are known here, too; so are the sessions of people
// who have signed in.
//
// It keeps no durable state: a key is committed through the catalog first and put here after that.
//
// Thread safety: every method may be called from any thread. Authenticate takes a shared lock for one look-up in a
// hash table, and for an admin key another one for its role; it does no I/O.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "server/auth/attempt_limiter.h"
#include "server/auth/authorize.h"
#include "server/auth/key.h"
#include "server/auth/members.h"
#include "server/auth/sessions.h"

namespace guidon {

// Why a request was not let in.
enum class Denial : std::uint8_t {
  kMissing,    // no key
  kMalformed,  // what was sent is none
  kUnknown,    // no key of this server
  kRevoked,
  kExpired,
  kLimited,  // malformed or unknown, from an address that has tried too many of those
};
inline constexpr Denial kDenials[] = {Denial::kMissing, Denial::kMalformed, Denial::kUnknown,
                                      Denial::kRevoked, Denial::kExpired,   Denial::kLimited};
std::string_view ToString(Denial denial);  // "missing", "malformed", …, "rate_limited"

class Authenticator {
 public:
  // Milliseconds since 1970, for keys that expire.
  using Clock = std::function<std::int64_t()>;
  explicit Authenticator(Clock now_ms, AttemptBudget budget = {}) : now_ms_(std::move(now_ms)), limiter_(budget) {}

  // Adds a key or replaces what is known of it (a revocation).
  void Put(KeyRecord record);
  void Remove(std::string_view id);
  // Refuses a key from now on until it is removed or this process ends, where its revocation could not be written;
  // what is known of it stays as it is stored, so that the revocation can be tried again. An unknown one: nothing.
  void End(std::string_view id);
  // When it was ended so, in ms since 1970; nullopt: it was not.
  std::optional<std::int64_t> EndedAt(std::string_view id) const;
  bool HasEnded(std::string_view id) const { return EndedAt(id).has_value(); }

  // A key, role, member or session as the catalog keeps it (kKeySpace, kRoleSpace, …); an empty value: it is gone.
  // Items of other spaces are left alone. kCorrupt when it cannot be read.
  Status Take(std::string_view space, std::string_view id, std::string_view value);

  // From the value of the Authorization header, `Bearer gdn_…` or the bare key; when there is none, of X-API-Key. A
  // program's session counts as a key there.
  // kUnauthenticated says whether both are missing, what was sent is malformed, or the key is unknown, revoked or
  // expired; never what the key was. kOverloaded: it is malformed or unknown, and `peer`, the address of the other
  // side, has tried too many of those; a valid key is let in all the same. An empty peer is not limited.
  Result<Principal> Authenticate(std::string_view authorization, std::string_view api_key = {},
                                 std::string_view peer = {}) const;

  // From a session's token: who is signed in, with what their roles and those of their groups allow. kUnauthenticated:
  // it is none of ours, or over; kOverloaded as above.
  Result<Principal> AuthenticateSession(std::string_view token, SessionDoor door, std::string_view peer = {}) const;

  std::uint64_t denied(Denial denial) const {
    return denied_[static_cast<std::size_t>(denial)].load(std::memory_order_relaxed);
  }

  // Who comes with a key that was proved in another way (a ticket of ours): nullopt when it may not be used any more.
  std::optional<Principal> PrincipalOf(std::string_view id) const;

  // Who stands behind a principal, for rules that ask for two of them: "member:ana" for each key of hers, whatever has
  // become of it; else the key itself, which is one with those that it was rotated from: "key:SELECTOR" of the newest.
  std::string PersonOf(std::string_view principal) const;

  // When such a person came, in ms since 1970: "member:ana" was added, the last time; "key:SELECTOR" was made.
  // nullopt: it is neither, or not there (any more).
  std::optional<std::int64_t> SinceOf(std::string_view person) const;

  // What a principal may do now, without showing a key: "key:SELECTOR", by the key that it was rotated to when it has
  // ended; "member:ana", by her roles and those of the groups of her open sessions. nullopt: it may nothing any more.
  std::optional<Principal> StandingOf(std::string_view principal) const;

  // Whether a key may still be used; streams ask on every tick.
  bool IsValid(std::string_view id) const;

  // When a key was last shown, or held by a stream, within some ten seconds; 0: not since the start. It is not kept
  // beyond that: a write for each key that is in use would cost more than it tells.
  std::int64_t LastSeen(std::string_view id) const;

  // Grows with every revocation, after IsValid knows of it: who remembers it need not ask again until it moves.
  const std::atomic<std::uint64_t>& revocations() const { return revocations_; }

  std::optional<KeyRecord> Find(std::string_view id) const;
  // Keys of a project and those of all projects, newest first.
  std::vector<KeyRecord> List(std::string_view project) const;
  std::vector<KeyRecord> ListOf(std::string_view member) const;  // their own keys, of whatever project
  std::vector<KeyRecord> ListOfRole(std::string_view role) const;
  // Whether somebody can get in who may do everything.
  bool HasValidOwnerKey() const;

  // The people and roles behind the keys.
  Members& members() { return members_; }
  const Members& members() const { return members_; }
  Sessions& sessions() { return sessions_; }
  const Sessions& sessions() const { return sessions_; }

 private:
  // Its place does not move, so that the time is written under the shared lock.
  struct Held {
    KeyRecord record;
    std::optional<std::int64_t> ended_ms;  // End()
    mutable std::atomic<std::int64_t> seen_ms{0};
  };
  static bool MayBeUsed(const Held& held, std::int64_t now_ms) {
    return !held.ended_ms && IsUsable(held.record, now_ms);
  }
  static void See(const Held& held, std::int64_t now_ms);

  const Clock now_ms_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Held> keys_;  // by id; guarded by mutex_
  // Counts it, and makes the error of it.
  tl::unexpected<Error> Deny(Denial denial, std::string message) const;
  // Of a guess.
  tl::unexpected<Error> DenyGuess(Denial denial, std::string message, std::string_view peer) const;

  std::atomic<std::uint64_t> revocations_{0};
  mutable std::array<std::atomic<std::uint64_t>, std::size(kDenials)> denied_{};
  mutable AttemptLimiter limiter_;
  Members members_;
  Sessions sessions_;
};

}  // namespace guidon
