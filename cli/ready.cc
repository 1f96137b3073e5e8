// guidon ready: whether the server serves, for whoever starts and watches it: the health check of a container, a script
// that waits for it. Needs no key.
#include <iostream>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/verbs.h"

namespace guidon::cli {

// A server that takes no writes serves all the same: to restart it would not help those who read.
int Ready(const ReadyOptions& options) {
  const Result<ApiAnswer> answer = AskWithoutKey(options.connection, "/readyz");
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  if (options.json) {
    PrintJson(answer->body);
    return kPass;
  }
  const Value* writable = answer->body.Find("writable");
  std::cout << "ready, at revision " << Text(answer->body, "revision");
  if (writable != nullptr && !writable->AsBool()) std::cout << "; takes no writes: " << Text(answer->body, "detail");
  std::cout << "\n";
  return kPass;
}

}  // namespace guidon::cli
