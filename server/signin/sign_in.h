// Who signs in, from the first address to the identity: what is under way between a browser, the OpenID provider and a
// program that asked for it.
//
//   Result<SignIn::Begun> begun = sign_in.Begin(peer, {});             // GET /auth/login: redirect there, set the
//   cookie Result<SignIn::Arrived> who = sign_in.Arrive(state, code, cookie);  // GET /auth/callback
//
// For the browser there is nothing more. For a program (RFC 8252: `guidon login`), its one-time code is handed to it by
// way of its loopback address, and it comes back with that and the verifier of its own challenge:
//
//   std::string code = *sign_in.IssueCode(who);       // valid for two minutes, once
//   Result<Identity> who = sign_in.RedeemCode(code, verifier);        // POST /auth/token
//
// A sign-in is bound to the browser that began it by a cookie, so that nobody can be sent into somebody else's. The
// cookie is also all that there is of it: state, nonce, verifier and who asked are sealed in it
// (server/signin/sealer.h), so that nothing is kept here for whoever only begins, and nobody can push out what somebody
// else has begun. What has come to its end is remembered until its cookie has: it counts once.
//
// Bounds: ten minutes for a sign-in. 8 192 that came to their end: beyond it the oldest is forgotten, and then it is
// the provider that takes its code once (RFC 6749, 4.1.2). 1 024 codes: beyond it the oldest goes. An address begins 60
// at once and one a second after that: kOverloaded; but loopback, where a proxy on this machine stands for everybody,
// as often as it likes. One password is looked at at a time, as that takes 19 MiB: kOverloaded. Passwords are limited
// by address, right or wrong: ten, and one a minute after that. All that come through a proxy on this machine share
// that; who is on this machine has it for themselves, and waits for the others, so that nobody out there can keep them
// out. Nothing of it outlives a restart.
//
// Thread safety: every method may be called from any thread. Begin and Arrive wait for the network, CheckBreakGlass for
// a file and some 30 ms of a core: none of them on an I/O thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/base/mutex.h"
#include "core/base/result.h"
#include "server/auth/attempt_limiter.h"
#include "server/signin/provider.h"
#include "server/signin/sealer.h"

namespace guidon {

// How it went, for the log and /metrics.
enum class SignInOutcome : std::uint8_t {
  kSignedIn,
  kNoRole,         // the provider says who it is, and nobody gave them anything here
  kFailed,         // the provider or its token does not say who it is
  kByBreakGlass,   // the break-glass admin is in
  kWrongPassword,  // of that admin
};
inline constexpr SignInOutcome kSignInOutcomes[] = {SignInOutcome::kSignedIn, SignInOutcome::kNoRole,
                                                    SignInOutcome::kFailed, SignInOutcome::kByBreakGlass,
                                                    SignInOutcome::kWrongPassword};
std::string_view ToString(SignInOutcome outcome);  // "signed_in", "no_role", …

struct SignInReport {
  SignInOutcome outcome = SignInOutcome::kSignedIn;
  std::string principal;  // empty: not known
  std::string detail;
  std::string peer;
  std::string request_id;
};

struct SignInOptions {
  ProviderOptions provider = {};      // an empty issuer: there is none
  std::string break_glass_file = {};  // with the hash of the password; empty: there is no such admin
  std::function<std::int64_t()> now_ms = {};
  std::function<void(const SignInReport&)> report = {};  // empty: nobody is told; on the thread of the request
};

// A program that wants a session of its own, and waits on a port of this machine.
struct LoopbackRequest {
  std::string redirect_uri;  // http://127.0.0.1:43210/…
  std::string challenge;     // S256 of its verifier
  std::string state;         // goes back to it as it came
};
// kInvalid: the address is not http on 127.0.0.1 or [::1] with a port, or the challenge is none.
Status CheckLoopbackRequest(const LoopbackRequest& request);

class SignIn {
 public:
  static constexpr std::int64_t kBeginMs = 600'000;
  static constexpr std::int64_t kCodeMs = 120'000;

  explicit SignIn(SignInOptions options);

  bool has_provider() const { return provider_.has_value(); }
  bool has_break_glass() const { return !options_.break_glass_file.empty(); }

  struct Begun {
    std::string location;  // of the provider
    std::string cookie;    // for the browser, until it is back; less than 2 KiB
    std::string state;     // which names it; base64url
  };
  // kNotFound: there is no provider; kOverloaded; kUnavailable.
  Result<Begun> Begin(std::string_view peer, std::optional<LoopbackRequest> program);

  struct Arrived {
    Identity who;
    std::optional<LoopbackRequest> program;
  };
  // Ends what was begun, however it goes. `issuer`: who sent the browser back, where it says so (RFC 9207); or empty.
  // kUnauthenticated: nothing of that state is under way in this browser, or the provider or its token does not say who
  // it is; kUnavailable; kNotFound.
  Result<Arrived> Arrive(const std::string& state, const std::string& code, std::string_view cookie,
                         std::string_view issuer = {}) GUIDON_EXCLUDES(mutex_);
  // Whether this browser began it, and less than ten minutes ago.
  bool IsUnderWay(const std::string& state, std::string_view cookie) const GUIDON_EXCLUDES(mutex_);
  // The provider said no: ends what was begun.
  void GiveUp(const std::string& state, std::string_view cookie) GUIDON_EXCLUDES(mutex_);

  Result<std::string> IssueCode(const Identity& who, const LoopbackRequest& program) GUIDON_EXCLUDES(mutex_);
  // kUnauthenticated: no such code any more, or the verifier is not that of the challenge; then the code is gone, too.
  Result<Identity> RedeemCode(const std::string& code, std::string_view verifier) GUIDON_EXCLUDES(mutex_);

  // `is_proxied`: the request says that it was passed on, which a proxy has to say. kNotFound: there is no such admin;
  // kUnauthenticated: the password is wrong; kOverloaded: it was not looked at; kUnavailable: the file cannot be read,
  // or is no hash.
  Status CheckBreakGlass(std::string_view password, std::string_view peer, bool is_proxied) GUIDON_EXCLUDES(hashing_);

  // Nobody waits for the provider any more: what does is ended. For good.
  void Stop() {
    if (provider_) provider_->Stop();
  }

  void Report(const SignInReport& report) const {
    if (options_.report) options_.report(report);
  }

 private:
  // As it is sealed.
  struct Pending {
    std::string nonce, verifier;
    std::optional<LoopbackRequest> program;
  };
  struct Spent {
    std::int64_t ends_ms = 0;
  };
  struct Code {
    Identity who;
    std::string challenge;
    std::int64_t ends_ms = 0;
  };
  // By name, the oldest first out; what has ended counts as gone.
  template <typename Entry>
  class Shelf {
   public:
    explicit Shelf(std::size_t most) : most_(most) {}
    void Put(const std::string& name, Entry entry, std::int64_t now_ms);
    std::optional<Entry> Take(const std::string& name, std::int64_t now_ms);
    const Entry* Find(const std::string& name, std::int64_t now_ms) const;

   private:
    const std::size_t most_;
    std::unordered_map<std::string, Entry> entries_;
    std::deque<std::pair<std::int64_t, std::string>> order_;  // with the time of the end
  };

  // What this browser began under that state, less than ten minutes ago; whatever has become of it since.
  std::optional<Pending> Unseal(const std::string& state, std::string_view cookie) const;
  // The same, and that is its end; nullopt when it has come to it before.
  std::optional<Pending> Spend(const std::string& state, std::string_view cookie) GUIDON_EXCLUDES(mutex_);

  // Constant after construction.
  const SignInOptions options_;
  const Sealer sealer_;

  std::optional<Provider> provider_;
  AttemptLimiter begins_;
  AttemptLimiter passwords_;
  AttemptLimiter local_passwords_;  // of who is on this machine, and did not come through a proxy
  Mutex hashing_;                   // held while a password is looked at
  mutable Mutex mutex_;
  Shelf<Spent> spent_ GUIDON_GUARDED_BY(mutex_);  // by state
  Shelf<Code> codes_ GUIDON_GUARDED_BY(mutex_);
};

}  // namespace guidon
