// The system's clock, its resolver and its watch over files, when a test says so, for everything in the test's own
// program: what is defined here goes before the C library's for the libraries that it loads, too. Link it into a
// program of its own.
//
//   System::JumpClock(std::chrono::hours(24));     // the wall clock only; the steady clock goes on
//   System::Resolve("moved.test", "127.0.0.1");    // names under .test that are not said do not exist
//   System::HoldResolver();                        // lookups of names under .test do not return …
//   System::ReleaseResolver();                     // … until now
//   System::SetInotify(System::Inotify::kDeaf);    // folders can be watched, and nothing is told: a network mount
//
// Thread safety: any thread.
#pragma once

#include <chrono>
#include <string>

namespace guidon::testing {

class System {
 public:
  static void JumpClock(std::chrono::nanoseconds by);  // on top of earlier jumps
  static void Resolve(const std::string& name, const std::string& address);
  static void HoldResolver();
  static void ReleaseResolver();
  static int Held();  // lookups of names under .test that have not returned

  enum class Inotify { kWorks, kDeaf, kFull, kAbsent };  // kFull: no folder can be watched; kAbsent: there is none
  static void SetInotify(Inotify inotify);
};

}  // namespace guidon::testing
