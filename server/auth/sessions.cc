#include "server/auth/sessions.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "core/base/json.h"
#include "core/base/json_record.h"

namespace guidon {
namespace {

constexpr std::string_view kWord = "ses";
constexpr std::int64_t kCoarseMs = 1'000;  // so seldom is it written that one is in use

}  // namespace

std::string EncodeSession(const SessionRecord& record) {
  Array groups;
  for (const std::string& group : record.groups) groups.emplace_back(group);
  return ToJson(Object{{"verifier", Value(record.verifier)},
                       {"door", Value(record.door == SessionDoor::kCookie ? "cookie" : "bearer")},
                       {"member", Value(record.member)},
                       {"groups", Value(std::move(groups))},
                       {"created_ms", Value(record.created_ms)},
                       {"expires_ms", Value(record.expires_ms)},
                       {"epoch", Value(record.epoch)}});
}

Result<SessionRecord> DecodeSession(std::string_view id, std::string_view text) {
  const Result<Value> value = ParseJson(text);
  if (!value || TextOf(*value, "verifier").empty()) {
    return Fail(ErrorCode::kCorrupt, "the record of session '" + std::string(id) + "' cannot be read");
  }
  SessionRecord record;
  record.id = id;
  record.verifier = TextOf(*value, "verifier");
  record.door = TextOf(*value, "door") == "cookie" ? SessionDoor::kCookie : SessionDoor::kBearer;
  record.member = TextOf(*value, "member");
  if (const Value* groups = value->Find("groups")) {
    for (const Value& group : groups->AsArray()) record.groups.push_back(group.AsString());
  }
  record.created_ms = NumberOf(*value, "created_ms");
  record.expires_ms = NumberOf(*value, "expires_ms");
  record.epoch = TextOf(*value, "epoch");
  return record;
}

Result<NewSession> GenerateSession() {
  Result<NewSecret> made = GenerateSecret(kWord);
  if (!made) return Fail(made.error());
  NewSession session;
  session.token = std::move(made->text);
  session.record.id = std::move(made->selector);
  session.record.verifier = std::move(made->verifier);
  return session;
}

std::string CsrfTokenOf(std::string_view token) {
  return Sha256Hex("guidon csrf " + std::string(token)).substr(0, 32);
}

void Sessions::Put(SessionRecord record, std::int64_t now_ms) {
  std::unique_lock lock(mutex_);
  Held& held = sessions_[record.id];
  held.record = std::move(record);
  held.used_ms = now_ms;
}

void Sessions::Remove(std::string_view id) {
  std::unique_lock lock(mutex_);
  sessions_.erase(std::string(id));
}

void Sessions::End(std::string_view id) {
  std::unique_lock lock(mutex_);
  if (const auto found = sessions_.find(std::string(id)); found != sessions_.end()) found->second.ended = true;
}

bool Sessions::IsOver(const Held& held, std::int64_t now_ms) const {
  if (held.ended || (!policy_.epoch.empty() && held.record.epoch != policy_.epoch)) return true;
  return now_ms >= held.record.expires_ms || now_ms >= held.used_ms.load(std::memory_order_relaxed) + policy_.idle_ms;
}

Sessions::Look Sessions::Find(std::string_view token, SessionDoor door, std::int64_t now_ms) const {
  const std::optional<ParsedSecret> parsed = ParseSecret(token, kWord);
  if (!parsed) return {};
  std::shared_lock lock(mutex_);
  const auto found = sessions_.find(std::string(parsed->selector));
  // An unknown selector costs the same hash as a wrong secret.
  static const std::string kNobody(64, '0');
  const bool is_known = found != sessions_.end();
  if (!MatchesVerifier(is_known ? found->second.record.verifier : kNobody, parsed->secret) || !is_known) return {};
  const Held& held = found->second;
  if (held.record.door != door) return {};
  if (IsOver(held, now_ms)) return {State::kOver, held.record};
  if (now_ms >= held.used_ms.load(std::memory_order_relaxed) + kCoarseMs) {
    held.used_ms.store(now_ms, std::memory_order_relaxed);
  }
  return {State::kOpen, held.record};
}

std::vector<std::string> Sessions::ListOf(std::string_view member) const {
  std::vector<std::string> list;
  std::shared_lock lock(mutex_);
  for (const auto& [id, held] : sessions_) {
    if (held.record.member == member) list.push_back(id);
  }
  return list;
}

std::vector<std::string> Sessions::Over(std::int64_t now_ms, std::size_t most) const {
  std::vector<std::string> list;
  std::shared_lock lock(mutex_);
  for (const auto& [id, held] : sessions_) {
    if (list.size() == most) break;
    if (IsOver(held, now_ms)) list.push_back(id);
  }
  return list;
}

std::vector<std::string> Sessions::Displaced(std::string_view member) const {
  using Age = std::pair<std::int64_t, std::string>;
  std::vector<Age> own;
  std::optional<Age> oldest;
  std::shared_lock lock(mutex_);
  for (const auto& [id, held] : sessions_) {
    Age age(held.record.created_ms, id);
    if (!oldest || age < *oldest) oldest = age;
    if (held.record.member == member) own.push_back(std::move(age));
  }
  std::vector<std::string> displaced;
  if (own.size() >= kMostSessionsOfOne) {
    std::sort(own.begin(), own.end());
    for (std::size_t i = 0; i + kMostSessionsOfOne <= own.size(); ++i) displaced.push_back(own[i].second);
  } else if (sessions_.size() >= kMostSessions) {
    displaced.push_back(oldest->second);
  }
  return displaced;
}

std::size_t Sessions::size() const {
  std::shared_lock lock(mutex_);
  return sessions_.size();
}

std::vector<Binding> Sessions::BindingsOf(const std::vector<std::string>& groups) const {
  std::vector<Binding> bindings;
  for (const GroupRole& mapped : policy_.groups) {
    if (std::find(groups.begin(), groups.end(), mapped.group) != groups.end()) bindings.push_back(mapped.binding);
  }
  return bindings;
}

std::vector<std::string> Sessions::Mapped(const std::vector<std::string>& groups) const {
  std::vector<std::string> mapped;
  for (const GroupRole& one : policy_.groups) {
    const bool has = std::find(groups.begin(), groups.end(), one.group) != groups.end();
    if (has && std::find(mapped.begin(), mapped.end(), one.group) == mapped.end()) mapped.push_back(one.group);
  }
  return mapped;
}

}  // namespace guidon
