// The verbs that sign a person in and out, and how they ask the server: they have no key.
//
// Thread safety: one thread.
#pragma once

#include <string>

#include <guidon/value.h>
#include "cli/api_client.h"
#include "cli/verbs.h"
#include "core/base/result.h"

namespace guidon::cli {

struct LoginOptions {
  Connection connection;
  bool break_glass = false;  // by a password from the terminal or standard input
  bool no_browser = false;   // print the address and open nothing
  bool json = false;
};
int Login(const LoginOptions& options);
int Logout(const LoginOptions& options);

// As Ask, with this key or session; an empty one: with none.
Result<ApiAnswer> AskAs(const Connection& connection, const std::string& key, const std::string& method,
                        const std::string& path, const Value& body = {});

}  // namespace guidon::cli
