// What a server has of a flag or an experiment. This room opens no socket: who runs a session gives it one of these.
//
// Thread safety: one thread.
#pragma once

#include <string>

#include <guidon/value.h>
#include "core/model/definitions.h"

namespace guidon::lsp {

struct LiveAnswer {
  enum class State {
    kNone,      // no server is known
    kPending,   // it was asked, and has not answered yet
    kMissing,   // it does not have it
    kFailed,    // it cannot be reached, or refuses: `message`
    kAnswered,  // `body`: of a flag, the entity; of an experiment, its status
  };
  State state = State::kNone;
  std::string server;
  std::string message;
  Value body;
};

class Live {
 public:
  virtual ~Live() = default;

  // From the client's initializationOptions, {"server": URL, "key": KEY}: in place of what is known so far. A key is
  // never sent to a server that it was not given with.
  virtual void Configure(const std::string& server, const std::string& key) = 0;

  // Returns soon, with kPending rather than late.
  virtual LiveAnswer Ask(const std::string& project, const EntityRef& ref) = 0;
};

}  // namespace guidon::lsp
