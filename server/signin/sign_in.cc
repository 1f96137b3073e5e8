#include "server/signin/sign_in.h"

#include <openssl/crypto.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <mutex>

#include "core/base/network.h"
#include "net/url.h"
#include "server/signin/password.h"

namespace guidon {
namespace {

constexpr AttemptBudget kPasswords{.burst = 10, .per_second = 1.0 / 60};
constexpr std::size_t kMostSpent = 8'192;
constexpr std::size_t kMostCodes = 1'024;
constexpr std::size_t kRandomBytes = 32;
constexpr std::size_t kMostProgramState = 256;
constexpr std::size_t kMostProgramUri = 512;
constexpr std::size_t kChallengeSize = 43;  // SHA-256 in base64url
// Of what is sealed: the time of its end, state, nonce and verifier; and of a program its address, challenge and state.
constexpr std::size_t kPendingFields = 4, kProgramFields = 3;

constexpr std::string_view kOutcomes[] = {"signed_in", "no_role", "failed", "break_glass", "wrong_password"};
static_assert(std::size(kOutcomes) == std::size(kSignInOutcomes));

bool IsLoopback(std::string_view peer) {
  return IsLoopbackAddress(std::string(peer));
}

bool IsSame(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// One line, without its end.
Result<std::string> ReadHash(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) {
    return Fail(ErrorCode::kUnavailable, "the hash of the break-glass password cannot be read from " + path);
  }
  while (line.ends_with('\r') || line.ends_with(' ')) line.pop_back();
  if (Status checked = CheckPasswordHash(line); !checked) {
    return Fail(ErrorCode::kUnavailable, "break-glass-file " + path + ": " + checked.error().message);
  }
  return line;
}

}  // namespace

std::string_view ToString(SignInOutcome outcome) {
  return kOutcomes[static_cast<std::size_t>(outcome)];
}

Status CheckLoopbackRequest(const LoopbackRequest& request) {
  const std::string& uri = request.redirect_uri;
  net::Url url;
  std::string fault;
  const bool is_url = uri.size() <= kMostProgramUri && net::ParseUrl(uri, &url, &fault) && !url.tls;
  // The name localhost could be anybody's (RFC 8252, section 8.3); and a port has to be named.
  const bool is_loopback = is_url && (url.host == "127.0.0.1" || url.host == "::1") && url.port != 80 &&
                           uri.find_first_of("\"'<>\\") == std::string::npos;
  if (!is_loopback) {
    return Fail(ErrorCode::kInvalid,
                "cli_redirect has to be http://127.0.0.1:PORT/… or http://[::1]:PORT/…, without a "
                "query: a program of this machine");
  }
  if (request.challenge.size() != kChallengeSize || !DecodeBase64Url(request.challenge)) {
    return Fail(ErrorCode::kInvalid, "code_challenge has to be a SHA-256 in base64url, 43 characters");
  }
  if (request.state.size() > kMostProgramState) {
    return Fail(ErrorCode::kInvalid, "cli_state is longer than " + std::to_string(kMostProgramState) + " bytes");
  }
  return {};
}

template <typename Entry>
void SignIn::Shelf<Entry>::Put(const std::string& name, Entry entry, std::int64_t now_ms) {
  while (!order_.empty() && (order_.front().first <= now_ms || order_.size() >= most_)) {
    entries_.erase(order_.front().second);
    order_.pop_front();
  }
  order_.emplace_back(entry.ends_ms, name);
  entries_.insert_or_assign(name, std::move(entry));
}

template <typename Entry>
std::optional<Entry> SignIn::Shelf<Entry>::Take(const std::string& name, std::int64_t now_ms) {
  const auto held = entries_.find(name);
  if (held == entries_.end()) return std::nullopt;
  Entry entry = std::move(held->second);
  entries_.erase(held);
  if (entry.ends_ms <= now_ms) return std::nullopt;
  return entry;
}

template <typename Entry>
const Entry* SignIn::Shelf<Entry>::Find(const std::string& name, std::int64_t now_ms) const {
  const auto held = entries_.find(name);
  return held == entries_.end() || held->second.ends_ms <= now_ms ? nullptr : &held->second;
}

SignIn::SignIn(SignInOptions options)
    : options_(std::move(options)),
      begins_({.burst = 60, .per_second = 1}),
      passwords_(kPasswords),
      local_passwords_(kPasswords),
      spent_(kMostSpent),
      codes_(kMostCodes) {
  if (!options_.provider.issuer.empty()) provider_.emplace(options_.provider);
}

Result<SignIn::Begun> SignIn::Begin(std::string_view peer, std::optional<LoopbackRequest> program) {
  if (!provider_) {
    return Fail(ErrorCode::kNotFound, "nobody can sign in here: the server has no OpenID provider (oidc-issuer)");
  }
  if (program) {
    if (Status checked = CheckLoopbackRequest(*program); !checked) return Fail(checked.error());
  }
  const std::int64_t now_ms = options_.now_ms();
  if (!IsLoopback(peer) && !begins_.Take(peer, now_ms)) {
    return Fail(ErrorCode::kOverloaded, "too many sign-ins were begun from this address; try again in a minute");
  }
  const Result<std::string> state = RandomText(kRandomBytes), nonce = RandomText(kRandomBytes);
  const Result<std::string> verifier = RandomText(kRandomBytes);
  for (const auto* random : {&state, &nonce, &verifier}) {
    if (!*random) return Fail(random->error());
  }
  Result<std::string> location = provider_->AuthorizationUrl(*state, *nonce, ChallengeOf(*verifier));
  if (!location) return Fail(location.error());
  Sealer::Fields fields = {std::to_string(now_ms + kBeginMs), *state, *nonce, *verifier};
  if (program) fields.insert(fields.end(), {program->redirect_uri, program->challenge, program->state});
  Result<std::string> cookie = sealer_.Seal(fields);
  if (!cookie) return Fail(cookie.error());
  return Begun{*std::move(location), *std::move(cookie), *state};
}

std::optional<SignIn::Pending> SignIn::Unseal(const std::string& state, std::string_view cookie) const {
  std::optional<Sealer::Fields> fields = sealer_.Open(cookie);
  if (!fields || (fields->size() != kPendingFields && fields->size() != kPendingFields + kProgramFields)) {
    return std::nullopt;
  }
  const std::string& end = fields->at(0);
  std::int64_t ends_ms = 0;
  std::from_chars(end.data(), end.data() + end.size(), ends_ms);
  if (ends_ms <= options_.now_ms() || !IsSame(fields->at(1), state)) return std::nullopt;
  Pending pending{std::move(fields->at(2)), std::move(fields->at(3)), std::nullopt};
  if (fields->size() > kPendingFields) {
    pending.program = LoopbackRequest{std::move(fields->at(4)), std::move(fields->at(5)), std::move(fields->at(6))};
  }
  return pending;
}

std::optional<SignIn::Pending> SignIn::Spend(const std::string& state, std::string_view cookie) {
  std::optional<Pending> pending = Unseal(state, cookie);
  if (!pending) return std::nullopt;
  const std::int64_t now_ms = options_.now_ms();
  MutexLock lock(mutex_);
  if (spent_.Find(state, now_ms) != nullptr) return std::nullopt;
  spent_.Put(state, {now_ms + kBeginMs}, now_ms);
  return pending;
}

Result<SignIn::Arrived> SignIn::Arrive(const std::string& state, const std::string& code, std::string_view cookie,
                                       std::string_view issuer) {
  if (!provider_) return Fail(ErrorCode::kNotFound, "the server has no OpenID provider (oidc-issuer)");
  std::optional<Pending> pending = Spend(state, cookie);
  if (!pending) {
    return Fail(ErrorCode::kUnauthenticated,
                "no sign-in of this browser is under way, or it took more than ten minutes; begin again");
  }
  if (!issuer.empty() && issuer != options_.provider.issuer) {
    return Fail(ErrorCode::kUnauthenticated, "another OpenID provider sent the browser back than it was sent to");
  }
  Result<Identity> who = provider_->Redeem(code, pending->verifier, pending->nonce);
  if (!who) return Fail(who.error());
  return Arrived{*std::move(who), std::move(pending->program)};
}

bool SignIn::IsUnderWay(const std::string& state, std::string_view cookie) const {
  if (!Unseal(state, cookie)) return false;
  MutexLock lock(mutex_);
  return spent_.Find(state, options_.now_ms()) == nullptr;
}

void SignIn::GiveUp(const std::string& state, std::string_view cookie) {
  (void)Spend(state, cookie);
}

Result<std::string> SignIn::IssueCode(const Identity& who, const LoopbackRequest& program) {
  Result<std::string> code = RandomText(kRandomBytes);
  if (!code) return code;
  const std::int64_t now_ms = options_.now_ms();
  MutexLock lock(mutex_);
  codes_.Put(*code, {who, program.challenge, now_ms + kCodeMs}, now_ms);
  return code;
}

Result<Identity> SignIn::RedeemCode(const std::string& code, std::string_view verifier) {
  std::optional<Code> held;
  {
    MutexLock lock(mutex_);
    held = codes_.Take(code, options_.now_ms());
  }
  if (!held || !IsSame(held->challenge, ChallengeOf(verifier))) {
    return Fail(ErrorCode::kUnauthenticated, "the code was used, has expired or is not of this program; sign in again");
  }
  return std::move(held->who);
}

Status SignIn::CheckBreakGlass(std::string_view password, std::string_view peer, bool is_proxied) {
  if (!has_break_glass()) {
    return Fail(ErrorCode::kNotFound, "the server has no break-glass admin (break-glass-file)");
  }
  const bool is_local = IsLoopback(peer) && !is_proxied;
  // The lock first: an attempt that is not looked at costs nothing.
  std::unique_lock<std::mutex> alone(hashing_.native(), std::defer_lock);
  if (is_local) {
    alone.lock();
  } else if (!alone.try_lock()) {
    return Fail(ErrorCode::kOverloaded, "another password is being looked at; try again");
  }
  if (!(is_local ? local_passwords_ : passwords_).Take(peer, options_.now_ms())) {
    return Fail(ErrorCode::kOverloaded, "too many passwords were tried from this address; try again in a minute");
  }
  const Result<std::string> hash = ReadHash(options_.break_glass_file);
  if (!hash) return Fail(hash.error());
  if (MatchesPassword(*hash, password)) return {};
  return Fail(ErrorCode::kUnauthenticated, "the password is wrong");
}

}  // namespace guidon
