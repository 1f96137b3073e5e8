// Places in a commit where a test may have the process die, as `kill -9` would end it: nothing is flushed, closed or
// answered. Always compiled in; a point that is not armed costs one branch.
//
//   before_wal     the group is decided, nothing of it is written
//   after_wal      it is durable in the log; the head record does not say so yet
//   after_head     the head record says so; no reader sees it yet
//   before_answer  it is visible; nobody was told
//
// Thread safety: belongs to the committer's thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/result.h"

namespace guidon {

enum class KillPoint : std::uint8_t { kNone, kBeforeWal, kAfterWal, kAfterHead, kBeforeAnswer };

class KillPoints {
 public:
  // "after_wal:3": at the third group that passes there. Empty: never.
  static Result<KillPoints> Parse(std::string_view text);

  void Pass(KillPoint point) {
    if (point == armed_) [[unlikely]]
      Count();
  }

 private:
  void Count();

  KillPoint armed_ = KillPoint::kNone;
  std::uint64_t remaining_ = 0;
};

}  // namespace guidon
