#include "server/store/kill_points.h"

#include <unistd.h>
#include <csignal>

#include <array>
#include <charconv>
#include <string>
#include <utility>

namespace guidon {

Result<KillPoints> KillPoints::Parse(std::string_view text) {
  KillPoints points;
  if (text.empty()) return points;
  constexpr std::array kNames = {
      std::pair("before_wal", KillPoint::kBeforeWal), std::pair("after_wal", KillPoint::kAfterWal),
      std::pair("after_head", KillPoint::kAfterHead), std::pair("before_answer", KillPoint::kBeforeAnswer)};
  const std::size_t colon = text.find(':');
  for (const auto& [name, point] : kNames) {
    if (text.substr(0, colon) == name) points.armed_ = point;
  }
  const std::string_view count = colon == text.npos ? "1" : text.substr(colon + 1);
  const auto [end, fault] = std::from_chars(count.data(), count.data() + count.size(), points.remaining_);
  const bool counted = fault == std::errc() && end == count.data() + count.size() && points.remaining_ > 0;
  if (points.armed_ != KillPoint::kNone && counted) return points;
  return Fail(ErrorCode::kInvalid, "kill point '" + std::string(text) +
                                       "': expected before_wal, after_wal, after_head or before_answer, and perhaps "
                                       "':' and the number of the group, as in after_wal:3");
}

void KillPoints::Count() {
  if (--remaining_ == 0) kill(getpid(), SIGKILL);
}

}  // namespace guidon
