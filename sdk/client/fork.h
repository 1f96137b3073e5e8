// What fork() does to the SDK: every object that has locks or threads is told of it, by pthread_atfork.
//
// Before a fork, all their locks are taken, so that the child finds none half-way; the parent gives them back and knows
// of nothing else. In the child only the thread that forked is left: what the others held and waited for is put right,
// and their threads are started again. docs/decisions/fork.md says why there and not at the first use.
//
// Lock order: a participant takes its locks as it always does. No two participants' locks are ever held together by
// anything but a fork, so their order among each other does not matter; what they have inside (net, the registries of
// readers and of what reads leave behind) is registered before, and so taken after them.
//
// Thread safety: any thread. vfork, posix_spawn and a bare clone run none of this.
#pragma once

#include <memory>

namespace guidon::internal {

class ForkParticipant {
 public:
  virtual void HoldForFork() = 0;   // takes all locks
  virtual void FreeInParent() = 0;  // gives them back
  // Gives them back, in a process that has no other thread, and may start threads. What it returns is kept until it may
  // be destroyed: a participant that lives no longer than this. Null: it is being destroyed by a thread that is not
  // here, and is forgotten.
  virtual std::shared_ptr<void> ContinueInChild() = 0;

 protected:
  ~ForkParticipant() = default;
};

void EnlistForForks(ForkParticipant& participant);
// In the participant's destructor, first. Waits for a fork that is under way.
void StrikeFromForks(ForkParticipant& participant) noexcept;

}  // namespace guidon::internal
