// Requests to the admin API.
//
// Thread safety: one thread.
#pragma once

#include <string>

#include <guidon/value.h>
#include "cli/verbs.h"
#include "core/base/result.h"

namespace guidon::cli {

struct ApiAnswer {
  int status = 0;
  Value body;        // as JSON
  std::string text;  // as sent
  bool ok() const { return status >= 200 && status < 300; }
};

// `body` null: none. Sends an Idempotency-Key with every change and repeats it once when the answer was lost.
// kUnavailable: the server cannot be reached. kInvalid: the address or the key is not one.
Result<ApiAnswer> Ask(const Connection& connection, const std::string& method, const std::string& path,
                      const Value& body = {});

// A name as part of a path.
std::string Escape(const std::string& name);

// Says what an error or a problem document says, with all its issues, and gives the exit code for it.
int Explain(const Error& error);
int Explain(const ApiAnswer& answer);

}  // namespace guidon::cli
