// Who is signed in: sessions of browsers and of programs, as the catalog keeps them and as requests are held against
// them.
//
//   Result<NewSession> session = GenerateSession();
//   session->record.member = …;                           // then committed through the catalog, then:
//   sessions.Put(session->record);
//   Sessions::Look look = sessions.Find(token, SessionDoor::kCookie, now_ms);
//
// A token is `gdn_ses_…`, of the form of keys (server/auth/key.h); of its secret only SHA-256 is kept. A browser's
// comes in a cookie and a program's as a bearer, and neither is taken by the other door.
//
// A session ends when it was not used for the idle time, at its own end, when it is signed out, and with its member.
// When it was used is known in memory only: a commit for each request would cost more than it tells. So a restart gives
// every session that it finds the idle time anew; what had ended before is removed by the keeper within a minute.
//
// Bounds: 10 000 sessions, and 20 of one member: the oldest of the member, or of all, goes (Displaced).
//
// Thread safety: every method may be called from any thread; Find takes a shared lock for one look-up in a hash table.
#pragma once

#include <atomic>
#include <cstdint>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "server/auth/members.h"

namespace guidon {

inline constexpr std::string_view kSessionSpace = "session";  // of Catalog::PutItem and Items
inline constexpr std::string_view kSessionPrefix = "gdn_ses_";
inline constexpr std::size_t kMostSessions = 10'000;
inline constexpr std::size_t kMostSessionsOfOne = 20;
inline constexpr std::string_view kBreakGlass = "break-glass";  // the principal without a member

enum class SessionDoor : std::uint8_t {
  kCookie,  // of a browser
  kBearer,  // of a program: guidon
};

struct SessionRecord {
  std::string id;        // the selector
  std::string verifier;  // SHA-256 of the secret, 64 hex digits
  SessionDoor door = SessionDoor::kCookie;
  std::string member;               // empty: the break-glass admin
  std::vector<std::string> groups;  // those of the provider's that have roles here
  std::int64_t created_ms = 0;
  std::int64_t expires_ms = 0;  // whatever is done with it
  std::string epoch = {};       // of the store in which it began
};
std::string EncodeSession(const SessionRecord& record);
Result<SessionRecord> DecodeSession(std::string_view id, std::string_view text);

struct NewSession {
  std::string token;  // handed out once, never stored, never logged
  SessionRecord record;
};
Result<NewSession> GenerateSession();  // id and verifier are filled in

// What a page of ours has to send beside the cookie when it changes something: a hash of the token, so that nothing
// more has to be kept; a page of another origin can neither read it nor make it up.
std::string CsrfTokenOf(std::string_view token);

// A group of the provider, and what its members may.
struct GroupRole {
  std::string group;
  Binding binding;
};

struct SessionPolicy {
  std::string epoch = {};  // of the store; a session of another is over: a backup was restored since. Empty: any
  std::int64_t idle_ms = 3'600'000;
  std::int64_t life_ms = 12 * 3'600'000;
  std::vector<GroupRole> groups = {};
};

class Sessions {
 public:
  // Before the first request; what is in force then stays so.
  void SetPolicy(SessionPolicy policy) { policy_ = std::move(policy); }
  const SessionPolicy& policy() const { return policy_; }

  // `now_ms`: it counts as used now.
  void Put(SessionRecord record, std::int64_t now_ms);
  void Remove(std::string_view id);
  // It is over from now on, until it can be removed for good.
  void End(std::string_view id);

  enum class State : std::uint8_t { kUnknown, kOver, kOpen };
  struct Look {
    State state = State::kUnknown;
    SessionRecord record;  // of kOpen and kOver
  };
  // kOpen counts as a use.
  Look Find(std::string_view token, SessionDoor door, std::int64_t now_ms) const;

  std::vector<std::string> ListOf(std::string_view member) const;  // ids, whatever their state
  // Ids of those that are over, at most so many.
  std::vector<std::string> Over(std::int64_t now_ms, std::size_t most) const;
  // Who has to go so that one more of this member finds room.
  std::vector<std::string> Displaced(std::string_view member) const;
  std::size_t size() const;

  // What the groups give beside the member's own.
  std::vector<Binding> BindingsOf(const std::vector<std::string>& groups) const;
  // Those of the groups that have a role here, each once.
  std::vector<std::string> Mapped(const std::vector<std::string>& groups) const;

 private:
  struct Held {
    SessionRecord record;
    mutable std::atomic<std::int64_t> used_ms{0};  // its place does not move: written under the shared lock
    bool ended = false;
  };
  bool IsOver(const Held& held, std::int64_t now_ms) const;

  SessionPolicy policy_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Held> sessions_;  // by id; guarded by mutex_
};

}  // namespace guidon
