// Requests to the admin API.
//
// Thread safety: one thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <guidon/value.h>
#include "cli/verbs.h"
#include "core/base/result.h"

namespace guidon::cli {

struct ApiAnswer {
  int status = 0;
  Value body;                                            // as JSON; null when it is none. An object when ok
  std::string text;                                      // as sent
  std::optional<std::chrono::milliseconds> retry_after;  // of Retry-After; absent: not said
  bool ok() const { return status >= 200 && status < 300; }
  bool is_passing() const { return status == 429 || status >= 500; }  // too much at once, or a server that restarts
};

// `body` null: none. Sends an Idempotency-Key with every change and repeats it once when the answer was lost.
// kUnavailable: the server cannot be reached, the answer to a change was lost twice, or a success came without a JSON
// object, as from a proxy that is in between. kInvalid: the address or the key is not one.
Result<ApiAnswer> Ask(const Connection& connection, const std::string& method, const std::string& path,
                      const Value& body = {});

// The same with GET, of what is no JSON: a success has to be of this type ("text/html"), and is in `text`.
Result<ApiAnswer> AskForText(const Connection& connection, const std::string& path, std::string_view type);

// The same with GET, of what anybody may read: no key is sent, and none is needed.
Result<ApiAnswer> AskWithoutKey(const Connection& connection, const std::string& path);

// Looks at `path` until its "state" is no longer "running", which the server goes on with whether or not anybody waits:
// half a second apart, the first time sooner. `begun` is what began it; an answer that is not ok ends the wait.
Result<ApiAnswer> AskUntilDone(const Connection& connection, const std::string& path, ApiAnswer begun);

// A name as part of a path.
std::string Escape(const std::string& name);
// "/api/v1/projects/shop", and below it.
std::string ProjectPath(const std::string& project);
std::string EnvironmentPath(const std::string& project, const std::string& environment);

// The project that was named, or, where none was, the only one that the key may see.
Result<std::string> ResolveProject(const Connection& connection, const std::string& named);

// Whether what is wrong is a document on standard output, too.
struct AsJson {
  AsJson(bool is_wanted, bool also_unreachable = true) : wanted(is_wanted), when_unreachable(also_unreachable) {}
  bool wanted;
  bool when_unreachable;  // false: whoever asks goes on, and has a document of their own
};

// Says what an error or a problem document says, with all its issues, and gives the exit code for it.
int Explain(const Error& error, AsJson json);
int Explain(const ApiAnswer& answer, AsJson json);

}  // namespace guidon::cli
