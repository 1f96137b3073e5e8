#include "sdk/source/stream_source.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>

#include "core/base/json.h"
#include "net/backoff.h"
#include "net/http_client.h"
#include "net/sse.h"
#include "net/url.h"
#include "sdk/source/http.h"

namespace guidon::internal {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAfterFork{500};   // at most, before a child's first attempt
constexpr milliseconds kHealthy{10'000};  // a stream that stayed up for so long starts the backoff anew

// How an attempt ended, and what to do next.
struct Ending {
  enum class Kind {
    kFailed,        // try again after a backoff
    kGoodbye,       // the same, but nothing is wrong
    kAgain,         // try again at once: what is held has to be repaired
    kUnauthorised,  // look again slowly
    kHopeless,      // what is configured cannot be asked
  };
  Kind kind = Kind::kFailed;
  milliseconds asked{0};  // how long the server wants us to wait
  std::string error{};
};

// "text/event-stream; charset=utf-8" is of type "text/event-stream".
bool IsOfType(const net::HttpResponse& response, std::string_view type) {
  const std::string_view given = response.Header("Content-Type");
  const bool begins =
      std::equal(type.begin(), type.end(), given.begin(), given.begin() + std::min(type.size(), given.size()),
                 [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b); });
  return begins && (given.size() == type.size() || given[type.size()] == ';' || given[type.size()] == ' ');
}

class Source {
 public:
  Source(ClientCore& core, net::Url url)
      : core_(core),
        url_(std::move(url)),
        backoff_({core.config.backoff_first, core.config.backoff_most}, RandomSeed()) {}

  void Run() {
    // A child waits a little: one that is there to exec() asks nobody, and many of one parent do not come at once.
    if (core_.forks() > 0) {
      const milliseconds first = std::min(core_.config.backoff_first, kAfterFork);
      core_.Sleep(net::Backoff({first, first}, RandomSeed()).Next());
    }
    while (!core_.closing()) {
      Ending ending = Attempt([this] { return RunStream(); });
      if (core_.closing()) return;
      core_.CountReconnect();
      if (ending.kind == Ending::Kind::kAgain && repairs_++ == 0) {
        core_.Log(LogLevel::kWarning, ending.error);
        continue;
      }
      if (ending.kind != Ending::Kind::kGoodbye) ++failures_;
      bool polled = false;
      if (ShouldPoll(ending)) {
        const Ending poll = Attempt([this, &polled] { return Poll(&polled); });
        if (core_.closing()) return;
        if (poll.kind == Ending::Kind::kUnauthorised) ending = poll;
        ending.asked = std::max(ending.asked, poll.asked);
      }
      if (!Settle(ending, polled)) return;
    }
  }

 private:
  // What an attempt throws (there is no memory, …) is a failure like others.
  template <typename F>
  Ending Attempt(F attempt) {
    try {
      return attempt();
    } catch (const std::exception& e) {
      return {Ending::Kind::kFailed, milliseconds(0), std::string("cannot go on: ") + e.what()};
    }
  }

  // A server that asks us to wait is not asked for the ruleset either.
  bool ShouldPoll(const Ending& ending) const {
    return failures_ >= core_.config.failures_before_polling && ending.asked == milliseconds(0) &&
           (ending.kind == Ending::Kind::kFailed || ending.kind == Ending::Kind::kAgain);
  }

  // Says what is going on and waits until the next attempt. False: there is none.
  bool Settle(const Ending& ending, bool polled) {
    Say(ending);  // first, so that whoever waits for the state finds the line
    const bool slowly = ending.kind == Ending::Kind::kUnauthorised;
    core_.SetState(slowly                                   ? ClientState::kUnauthorised
                   : ending.kind == Ending::Kind::kHopeless ? ClientState::kOffline
                   : polled                                 ? ClientState::kPolling
                   : core_.has_ruleset()                    ? ClientState::kStale
                                                            : ClientState::kInitialising,
                   ending.error);
    if (ending.kind == Ending::Kind::kHopeless) return false;
    return core_.Sleep(slowly ? core_.config.unauthorised_recheck : backoff_.Next(ending.asked));
  }

  // Once; while it goes on to fail for the same reason, only to those who want to know everything.
  void Say(const Ending& ending) {
    const bool is_news = ending.error != said_;
    said_ = ending.error;
    const LogLevel level = ending.kind == Ending::Kind::kGoodbye  ? LogLevel::kInfo
                           : ending.kind == Ending::Kind::kFailed ? LogLevel::kWarning
                           : ending.kind == Ending::Kind::kAgain  ? LogLevel::kWarning
                                                                  : LogLevel::kError;
    core_.Log(is_news ? level : LogLevel::kDebug, ending.error);
  }

  // Announces the call under way to Close for as long as it lives.
  class Announced {
   public:
    Announced(ClientCore& core, std::shared_ptr<net::HttpClient> http) : core_(core), http_(std::move(http)) {
      core_.AnnounceHttp(http_);
    }
    ~Announced() { core_.WithdrawHttp(http_); }
    Announced(const Announced&) = delete;
    Announced& operator=(const Announced&) = delete;

   private:
    ClientCore& core_;
    const std::shared_ptr<net::HttpClient> http_;
  };

  // --- the stream ---

  Ending RunStream() {
    net::HttpRequest request;
    request.path = "/sdk/v1/stream";
    request.headers = HeadersOf(core_.config);
    request.headers.emplace_back("Accept", "text/event-stream");
    const std::string id = needs_all_ ? "" : core_.EventId();
    if (!id.empty()) request.headers.emplace_back("Last-Event-ID", id);
    ending_.reset();
    parser_.Reset();
    is_live_ = false;
    bool is_stream = false;
    const auto on_head = [&](const net::HttpResponse& head) {
      is_stream = head.status == 200 && IsOfType(head, "text/event-stream");
      return is_stream;
    };
    const auto on_bytes = [&](std::string_view bytes) { return Feed(bytes); };
    const std::shared_ptr<net::HttpClient> http = MakeHttp(core_.config, url_, {core_.config.silence_timeout});
    const Announced announced(core_, http);
    const auto begin = std::chrono::steady_clock::now();
    const net::HttpResult result = http->Stream(request, on_head, on_bytes);
    // A stream that ends soon again and again must not be asked for again and again.
    const auto lived = std::chrono::steady_clock::now() - begin;
    if (is_live_ && lived >= std::min(kHealthy, core_.config.backoff_most)) backoff_.Reset();
    if (ending_) return *ending_;
    if (result.response.status != 0 && !is_stream) return FromAnswer(result.response, "text/event-stream");
    if (result.failure == net::HttpFailure::kTimeout && is_stream && !is_live_) {
      return {Ending::Kind::kFailed, milliseconds(0),
              url_.Authority() +
                  " opened a stream on which no event came in time: does something in between hold the "
                  "answer back?"};
    }
    if (!result.ok()) return FromFailure(result);
    return {Ending::Kind::kFailed, milliseconds(0), url_.Authority() + " closed the stream"};
  }

  static Ending FromFailure(const net::HttpResult& result) {
    const bool is_hopeless = result.failure == net::HttpFailure::kInvalid;
    return {is_hopeless ? Ending::Kind::kHopeless : Ending::Kind::kFailed, milliseconds(0), result.message};
  }

  Ending FromAnswer(const net::HttpResponse& response, std::string_view wanted) const {
    const std::string who = url_.Authority();
    const int status = response.status;
    if (status == 401 || status == 403) {
      return {
          Ending::Kind::kUnauthorised, milliseconds(0),
          who + " does not accept the key (" + std::to_string(status) + "): it is unknown, revoked or no server key"};
    }
    if (status == 404) {
      return {Ending::Kind::kUnauthorised, milliseconds(0), who + " has no such environment, or is no guidond (404)"};
    }
    if (status >= 300 && status < 400) {
      return {Ending::Kind::kFailed, milliseconds(0),
              who + " answered " + std::to_string(status) + ", to '" + std::string(response.Header("Location")) +
                  "': redirects are not followed; configure the address of the server itself"};
    }
    if (status == 200) {
      return {Ending::Kind::kFailed, milliseconds(0),
              who + " answered with '" + std::string(response.Header("Content-Type")) + "', not " +
                  std::string(wanted) + ": is something else in between?"};
    }
    const auto asked = net::ParseRetryAfter(response.Header("Retry-After"), std::chrono::system_clock::now());
    return {Ending::Kind::kFailed, asked.value_or(milliseconds(0)), who + " answered " + std::to_string(status)};
  }

  // False ends the stream; `ending_` says how.
  bool Feed(std::string_view bytes) {
    const bool fits = parser_.Feed(bytes, [this](const net::SseEvent& event) {
      if (!ending_ && !core_.IsLeftover()) Take(event);
    });
    if (!fits && !ending_) ending_ = Ending{Ending::Kind::kFailed, milliseconds(0), "an event is too large"};
    if (parser_.retry()) backoff_.SetRetry(*parser_.retry());
    return !ending_ && !core_.closing();
  }

  void Take(const net::SseEvent& event) {
    if (event.type == "snapshot") return Take(DocumentKind::kSnapshot, event);
    if (event.type == "change") return Take(DocumentKind::kChange, event);
    if (event.type == "heartbeat") return Take(DocumentKind::kHeartbeat, event);
    if (event.type == "goodbye") TakeGoodbye(event.data);
    // Anything else is of a newer server, and not for us.
  }

  void Take(DocumentKind kind, const net::SseEvent& event) {
    const bool is_snapshot = kind == DocumentKind::kSnapshot;
    const Applied applied = core_.Take(kind, event.data, event.id, RulesetSource::kServer);
    if (applied.outcome == ApplyOutcome::kNeedsAll) {
      needs_all_ = true;
      ending_ = Ending{Ending::Kind::kAgain, milliseconds(0), applied.message};
      return;
    }
    if (applied.outcome == ApplyOutcome::kRefused) {
      // A snapshot that cannot be taken will not get better by waiting for more of this stream; without another event
      // the next heartbeat tells whether something is missing now.
      if (is_snapshot) {
        ending_ = Ending{Ending::Kind::kFailed, milliseconds(0), "refused: " + applied.message};
      } else {
        core_.Log(LogLevel::kWarning, "refused: " + applied.message);
      }
      return;
    }
    if (applied.outcome == ApplyOutcome::kIgnored) return;
    if (is_snapshot) needs_all_ = false;
    if (!is_snapshot) repairs_ = 0;
    failures_ = 0;
    etag_.clear();  // of a ruleset that may be older than this one
    if (!is_live_) core_.SetState(ClientState::kLive);
    if (!is_live_) core_.Log(LogLevel::kInfo, url_.Authority() + " streams from " + core_.EventId());
    is_live_ = true;
    said_.clear();
  }

  void TakeGoodbye(std::string_view data) {
    const Result<Value> value = ParseJson(data);
    const Value* reason = value ? value->Find("reason") : nullptr;
    const Value* retry = value ? value->Find("retry_ms") : nullptr;
    const std::string word = reason == nullptr ? "shutdown" : reason->AsString();
    Ending ending;
    ending.kind = word == "revoked" || word == "gone" ? Ending::Kind::kUnauthorised : Ending::Kind::kGoodbye;
    ending.error = url_.Authority() + " said goodbye: " + word;
    if (retry != nullptr) ending.asked = milliseconds(std::max<std::int64_t>(0, retry->AsInt()));
    ending_ = ending;
  }

  // --- polling ---

  // `*polled`: the server confirmed or sent a ruleset.
  Ending Poll(bool* polled) {
    net::HttpRequest request;
    request.path = "/sdk/v1/ruleset";
    request.headers = HeadersOf(core_.config);
    request.headers.emplace_back("Accept", "application/json");
    if (!etag_.empty() && !needs_all_) request.headers.emplace_back("If-None-Match", etag_);
    const std::shared_ptr<net::HttpClient> http = MakeHttp(core_.config, url_, {core_.config.silence_timeout});
    const Announced announced(core_, http);
    const net::HttpResult result = http->Send(request);
    if (!result.ok()) return FromFailure(result);
    const net::HttpResponse& response = result.response;
    if (response.status == 304 && !etag_.empty()) {
      core_.Confirm();
      *polled = true;
      return {};
    }
    if (response.status != 200 || !IsOfType(response, "application/json")) {
      return FromAnswer(response, "application/json");
    }
    const Applied applied = core_.Take(DocumentKind::kSnapshot, response.body, "", RulesetSource::kServer);
    if (applied.outcome == ApplyOutcome::kRefused) {
      core_.Log(LogLevel::kWarning, "refused: " + applied.message);
      return {Ending::Kind::kFailed, milliseconds(0), applied.message};
    }
    needs_all_ = false;
    etag_ = response.Header("ETag");
    *polled = true;
    return {};
  }

  ClientCore& core_;
  const net::Url url_;
  net::Backoff backoff_;
  net::SseParser parser_;
  std::optional<Ending> ending_;
  std::string etag_;
  bool needs_all_ = false;  // the next stream has to begin with a snapshot
  int failures_ = 0;        // streams that ended without anything useful, in a row
  int repairs_ = 0;         // immediate reconnects in a row; the second waits
  bool is_live_ = false;    // this stream brought something useful
  std::string said_;        // the last failure that was logged
};

}  // namespace

void RunStreamSource(ClientCore& core) {
  net::Url url;
  std::string fault;
  if (!net::ParseUrl(core.config.server, &url, &fault)) {
    core.Log(LogLevel::kError, fault);
    core.SetState(ClientState::kOffline, fault);
    return;
  }
  Source(core, std::move(url)).Run();
}

}  // namespace guidon::internal
