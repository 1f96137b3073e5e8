#include "sdk/source/stream_source.h"

#include <algorithm>
#include <optional>
#include <random>

#include "core/base/json.h"
#include "net/backoff.h"
#include "net/http_client.h"
#include "net/sse.h"
#include "net/url.h"

namespace guidon::internal {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kSchemaHeader = "1";

// How an attempt ended, and what to do next.
struct Ending {
  enum class Kind {
    kFailed,        // try again after a backoff
    kAgain,         // try again at once: what is held has to be repaired
    kUnauthorised,  // look again slowly
  };
  Kind kind = Kind::kFailed;
  milliseconds asked{0};  // how long the server wants us to wait
  std::string error;
};

std::uint64_t RandomSeed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) ^ device();
}

bool IsOfType(const net::HttpResponse& response, std::string_view type) {
  return response.Header("Content-Type").substr(0, type.size()) == type;
}

class Source {
 public:
  Source(ClientCore& core, RulesetState& state, net::Url url)
      : core_(core),
        state_(state),
        url_(std::move(url)),
        backoff_({core.config.backoff_first, core.config.backoff_most}, RandomSeed()) {}

  void Run() {
    while (!core_.closing()) {
      const Ending ending = RunStream();
      core_.FlushCache(state_, true);
      if (core_.closing()) return;
      core_.CountReconnect();
      if (ending.kind == Ending::Kind::kUnauthorised) {
        core_.SetState(ClientState::kUnauthorised, ending.error);
        core_.Log(LogLevel::kError, ending.error);
        if (!core_.Sleep(core_.config.unauthorised_recheck)) return;
        continue;
      }
      if (ending.kind == Ending::Kind::kAgain && repairs_++ == 0) continue;
      const bool polled = ++failures_ >= core_.config.failures_before_polling && Poll();
      core_.SetState(polled                 ? ClientState::kPolling
                     : state_.has_ruleset() ? ClientState::kStale
                                            : ClientState::kInitialising,
                     ending.error);
      core_.Log(LogLevel::kWarning, ending.error);
      if (!core_.Sleep(backoff_.Next(ending.asked))) return;
    }
  }

 private:
  net::HttpHeaders Headers() const {
    net::HttpHeaders headers = {{"Authorization", "Bearer " + core_.config.key},
                                {"Guidon-Schema", std::string(kSchemaHeader)},
                                {"User-Agent", "guidon-cpp/0.1.0"}};
    if (!core_.config.application.empty()) {
      headers.emplace_back("Guidon-Application", core_.config.application + "/" + core_.config.application_version);
    }
    return headers;
  }

  std::unique_ptr<net::HttpClient> MakeHttp() const {
    net::HttpOptions options;
    options.connect = core_.config.connect_timeout;
    options.silence = core_.config.silence_timeout;
    options.ca_file = core_.config.ca_file;
    return net::MakeHttpClient(url_, options);
  }

  // Announces the call under way to Close for as long as it lives.
  class Announced {
   public:
    Announced(ClientCore& core, net::HttpClient& http) : core_(core) { core_.SetHttp(&http); }
    ~Announced() { core_.SetHttp(nullptr); }
    Announced(const Announced&) = delete;
    Announced& operator=(const Announced&) = delete;

   private:
    ClientCore& core_;
  };

  // --- the stream ---

  Ending RunStream() {
    net::HttpRequest request;
    request.path = "/sdk/v1/stream";
    request.headers = Headers();
    request.headers.emplace_back("Accept", "text/event-stream");
    const std::string id = needs_all_ ? "" : state_.EventId();
    if (!id.empty()) request.headers.emplace_back("Last-Event-ID", id);
    ending_.reset();
    parser_.Reset();
    bool is_stream = false;
    const auto on_head = [&](const net::HttpResponse& head) {
      is_stream = head.status == 200 && IsOfType(head, "text/event-stream");
      return is_stream || head.status != 200;
    };
    const auto on_bytes = [&](std::string_view bytes) { return !is_stream || Feed(bytes); };
    const std::unique_ptr<net::HttpClient> http = MakeHttp();
    const Announced announced(core_, *http);
    const net::HttpResult result = http->Stream(request, on_head, on_bytes);
    if (ending_) return *ending_;
    if (result.response.status != 0 && !is_stream) return FromAnswer(result.response, "text/event-stream");
    if (!result.ok()) return {Ending::Kind::kFailed, milliseconds(0), result.message};
    return {Ending::Kind::kFailed, milliseconds(0), url_.Authority() + " closed the stream"};
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
      if (!ending_) Take(event);
    });
    if (!fits && !ending_) ending_ = Ending{Ending::Kind::kFailed, milliseconds(0), "an event is too large"};
    if (parser_.retry()) backoff_.SetFirst(*parser_.retry());
    return !ending_ && !core_.closing();
  }

  void Take(const net::SseEvent& event) {
    if (event.type == "snapshot") return Took(state_.TakeSnapshot(event.data), true);
    if (event.type == "change") return Took(state_.TakeChange(event.data), false);
    if (event.type == "heartbeat") return Took(state_.TakeHeartbeat(event.data), false);
    if (event.type == "goodbye") TakeGoodbye(event.data);
    // Anything else is of a newer server, and not for us.
  }

  void Took(const Applied& applied, bool is_snapshot) {
    switch (applied.outcome) {
      case ApplyOutcome::kApplied:
        core_.OnApplied(state_, applied, RulesetSource::kServer);
        break;
      case ApplyOutcome::kNothing:
        core_.OnConfirmed(state_);
        break;
      case ApplyOutcome::kRefused:
        core_.CountRefused(applied.message);
        // A snapshot that cannot be taken will not get better by waiting for more of this stream.
        if (is_snapshot) ending_ = Ending{Ending::Kind::kFailed, milliseconds(0), "refused: " + applied.message};
        return;
      case ApplyOutcome::kNeedsAll:
        core_.CountRefused(applied.message);
        needs_all_ = true;
        ending_ = Ending{Ending::Kind::kAgain, milliseconds(0), applied.message};
        return;
    }
    if (is_snapshot) needs_all_ = false;
    failures_ = 0;
    if (!is_snapshot) repairs_ = 0;
    backoff_.Reset();
    core_.SetState(ClientState::kLive);
  }

  void TakeGoodbye(std::string_view data) {
    const Result<Value> value = ParseJson(data);
    const Value* reason = value ? value->Find("reason") : nullptr;
    const Value* retry = value ? value->Find("retry_ms") : nullptr;
    const std::string word = reason == nullptr ? "shutdown" : reason->AsString();
    Ending ending;
    ending.error = url_.Authority() + " said goodbye: " + word;
    if (word == "revoked" || word == "gone") ending.kind = Ending::Kind::kUnauthorised;
    if (retry != nullptr) ending.asked = milliseconds(std::max<std::int64_t>(0, retry->AsInt()));
    ending_ = ending;
  }

  // --- polling ---

  // True when the server confirmed or sent a ruleset.
  bool Poll() {
    net::HttpRequest request;
    request.path = "/sdk/v1/ruleset";
    request.headers = Headers();
    if (!etag_.empty() && !needs_all_) request.headers.emplace_back("If-None-Match", etag_);
    const std::unique_ptr<net::HttpClient> http = MakeHttp();
    const Announced announced(core_, *http);
    const net::HttpResult result = http->Send(request);
    if (!result.ok()) return false;
    if (result.response.status == 304) {
      core_.OnConfirmed(state_);
      return true;
    }
    if (result.response.status != 200 || !IsOfType(result.response, "application/json")) return false;
    const Applied applied = state_.TakeSnapshot(result.response.body);
    if (applied.outcome == ApplyOutcome::kRefused) {
      core_.CountRefused(applied.message);
      return false;
    }
    needs_all_ = false;
    etag_ = result.response.Header("ETag");
    if (applied.outcome == ApplyOutcome::kApplied) {
      core_.OnApplied(state_, applied, RulesetSource::kServer);
    } else {
      core_.OnConfirmed(state_);
    }
    return true;
  }

  ClientCore& core_;
  RulesetState& state_;
  const net::Url url_;
  net::Backoff backoff_;
  net::SseParser parser_;
  std::optional<Ending> ending_;
  std::string etag_;
  bool needs_all_ = false;  // the next stream has to begin with a snapshot
  int failures_ = 0;        // streams that ended without anything useful, in a row
  int repairs_ = 0;         // immediate reconnects in a row; the second waits
};

}  // namespace

void RunStreamSource(ClientCore& core, RulesetState& state) {
  net::Url url;
  std::string fault;
  if (!net::ParseUrl(core.config.server, &url, &fault)) {
    core.SetState(ClientState::kUnauthorised, fault);
    core.Log(LogLevel::kError, fault);
    return;
  }
  Source(core, state, std::move(url)).Run();
}

}  // namespace guidon::internal
