// What the server has of flags and experiments, asked in the background for a session that must not wait.
//
// Thread safety: one thread; the server is asked on one of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cli/verbs.h"
#include "core/base/mutex.h"
#include "lsp/live.h"
#include "net/http_client.h"

namespace guidon::cli {

class LiveStates : public lsp::Live {
 public:
  static constexpr std::chrono::milliseconds kPatience{400};  // of Ask, for an answer that is new
  static constexpr std::chrono::seconds kFresh{5};            // an answer counts for so long, also that there is none
  static constexpr std::size_t kMaxHeld = 1'000;              // answers; at the bound all are forgotten

  explicit LiveStates(Connection connection);  // without a server nobody is asked
  ~LiveStates() override;                      // ends a request that is under way, and waits for it
  // The same, waiting for so long at most; false: it goes on, as when a name is being looked up, which nobody can end.
  bool End(std::chrono::milliseconds patience);

  void Configure(const std::string& server, const std::string& key) override;
  lsp::LiveAnswer Ask(const std::string& project, const EntityRef& ref) override;

 private:
  struct Held {
    lsp::LiveAnswer answer;
    std::chrono::steady_clock::time_point since;
    bool is_asked = false;  // and an answer is still to come
  };

  void Run();
  lsp::LiveAnswer Fetch(const Connection& connection, const std::string& path);

  Mutex mutex_;
  CondVar changed_;
  Connection connection_ GUIDON_GUARDED_BY(mutex_);
  std::uint64_t connections_ GUIDON_GUARDED_BY(mutex_) = 0;       // counts them: an answer of an earlier one is dropped
  std::map<std::string, Held> held_ GUIDON_GUARDED_BY(mutex_);    // by path
  std::vector<std::string> questions_ GUIDON_GUARDED_BY(mutex_);  // oldest first
  std::unique_ptr<net::HttpClient> client_ GUIDON_GUARDED_BY(mutex_);  // of the request that is under way
  bool is_ending_ GUIDON_GUARDED_BY(mutex_) = false, has_ended_ GUIDON_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // from the first question on
};

}  // namespace guidon::cli
