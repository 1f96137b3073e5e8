// A conversation with a language server as data: a YAML file of steps, taken in order.
//
//   - write: { flags/a.yaml: "flag: a\n" }          # files below the workspace, on disk
//   - remove: [flags/a.yaml]
//   - send: { id: 1, method: initialize, … }        # a message; `jsonrpc` is added
//   - send: [ {…}, {…} ]                            # several in one piece
//   - raw: "Content-Length: 3\r\n\r\n{]}"           # bytes
//   - expect: { id: 1, result: { capabilities: {…} } }
//   - exit: 0                                       # it ends, with this code
//
// `$ROOT` in any text is the URI of the workspace. What is expected is the next answer with this id, or the next
// message of this method (and about this `uri`); others that come before are passed over, and stay for later steps. Of
// an object, the members that are named have to be so; lists have to be so whole. In their place may stand { $contains:
// […] } (each is somewhere in the list), { $lacks: […] }, { $count: 3 }, { $has: "part of a text" }.
//
// Thread safety: one thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <guidon/value.h>

namespace guidon::testing {

// What is spoken to.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual void Send(const std::string& bytes) = 0;
  virtual std::string Receive() = 0;  // what came since; waits for something. Empty: nothing comes
  virtual std::optional<int> ExitCode() = 0;
};

// Runs a file of tests/lsp/scripts/ against a workspace in that folder; what is not as expected becomes failures.
void RunScript(const std::string& name, const std::string& folder, Peer& peer);

// "" when `actual` is as expected; else where it is not, and how.
std::string Mismatch(const Value& expected, const Value& actual);

}  // namespace guidon::testing
