// A guidond of a test's own, on a free port and a data folder of its own.
//
//   Guidond server;
//   HttpAnswer answer = server.Call("GET", "/api/v1/projects");   // with the admin key
//   server.Kill();                                                // kill -9
//   server.Start();                                               // on the same data
//   EXPECT_EQ(server.Stop(), 0);
//
// What goes wrong while starting or stopping is thrown as std::runtime_error, with its log.
//
// Thread safety: one thread at a time; Call from several.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "tests/support/certificate.h"
#include "tests/support/http.h"
#include "tests/support/process.h"

namespace guidon::testing {

// A port that nobody is given by chance: below those that the system hands out, so that it is still free, and a client
// cannot meet itself on it, while the server that had it is gone.
std::uint16_t FixedPort();

struct GuidondOptions {
  std::vector<std::string> arguments = {};        // beside --listen, --data and --port-file
  std::string listen = "127.0.0.1:0";             // port 0: a free one, another at each start
  std::vector<std::string> environment = {};      // "NAME=value"
  std::string data = {};                          // a folder to use and to keep; empty: a temporary one
  std::vector<std::string> launcher = {};         // what becomes the server, such as a shell that sets limits before
  const CertificateFiles* certificate = nullptr;  // of its own, and then everything is TLS; outlives it
};

class Guidond {
 public:
  // The program of this build.
  static std::string Program();

  explicit Guidond(GuidondOptions options = {});  // starts it
  ~Guidond();                                     // kills it, and removes a temporary data folder

  // Starts it again, on the same data, and waits until it listens.
  void Start();
  // SIGTERM; waits for its end and says its exit code.
  int Stop();
  // kill -9, and waits until the data folder is free again.
  void Kill();

  std::uint16_t port() const { return port_; }
  std::string url() const {
    return (options_.certificate == nullptr ? "http://127.0.0.1:" : "https://127.0.0.1:") + std::to_string(port_);
  }
  std::string data() const { return options_.data; }
  // Of the first start on this data. Empty when this object did not see it.
  const std::string& admin_key() const { return admin_key_; }

  // With the admin key, unless another is given.
  HttpAnswer Call(std::string_view method, std::string_view path, HttpCallOptions options = {}) const;
  // Makes a key for one environment and returns its text; throws with the answer when that fails.
  std::string CreateSdkKey(std::string_view project, std::string_view environment) const;

  // Every entry of the events' journal, in order.
  std::vector<Value> Journal(std::string_view project, std::string_view environment) const;

  Process& process() { return *process_; }
  std::string Log() const { return process_->Errors(); }  // of the present run

 private:
  GuidondOptions options_;
  TemporaryFolder folder_;
  std::unique_ptr<Process> process_;
  std::uint16_t port_ = 0;
  std::string admin_key_;
};

}  // namespace guidon::testing
