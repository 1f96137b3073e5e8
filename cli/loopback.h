// A port of this machine on which the browser comes back from signing in (RFC 8252, section 7.3).
//
//   Result<std::unique_ptr<Loopback>> loopback = Loopback::Open();
//   Show(… (*loopback)->uri() …);
//   Result<std::string> code = (*loopback)->WaitForCode(state, std::chrono::minutes(10));
//
// It listens on 127.0.0.1 alone, takes one request at a time, of at most 8 KiB and 5 seconds, and answers all but the
// one that has the state with 404.
//
// Thread safety: one thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace guidon::cli {

class Loopback {
 public:
  static Result<std::unique_ptr<Loopback>> Open();
  ~Loopback();
  Loopback(const Loopback&) = delete;
  Loopback& operator=(const Loopback&) = delete;

  std::string uri() const;  // http://127.0.0.1:43210/signed-in

  // kUnavailable: nobody came in that time.
  Result<std::string> WaitForCode(std::string_view state, std::chrono::milliseconds time);

 private:
  Loopback(int listener, int port) : listener_(listener), port_(port) {}

  const int listener_;
  const int port_;
};

}  // namespace guidon::cli
