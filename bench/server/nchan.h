// nginx with nchan, which many use to send one message to many streams: what stands beside our fan-out.
//
// Thread safety: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tests/support/process.h"

namespace guidon::bench {

class Nchan {
 public:
  // Starts it with one worker on the core of the caller. `root` is where Debian's packages nginx and libnginx-mod-nchan
  // are unpacked. Needs to be root. Throws std::runtime_error, with its log, when it does not start.
  explicit Nchan(const std::string& root);
  ~Nchan();  // ends it, and its worker, which would outlive a master that is killed
  Nchan(const Nchan&) = delete;
  Nchan& operator=(const Nchan&) = delete;

  // What a subscriber of its event source asks for; it is first given the newest message.
  std::string StreamRequest() const;
  // Publishes a message as an event of that name; returns once it is acknowledged.
  void Publish(const std::string& event, const std::string& data) const;

  std::uint16_t port() const { return port_; }
  int worker() const { return worker_; }  // the process that serves

 private:
  testing::TemporaryFolder folder_;
  std::unique_ptr<testing::Process> process_;
  std::uint16_t port_ = 0;
  int worker_ = 0;
};

}  // namespace guidon::bench
