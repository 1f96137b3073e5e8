#include "gate/usage.h"

#include "core/base/json_record.h"
#include "core/model/units.h"
#include "gate/finding.h"

namespace guidon::gate {
namespace {

using std::chrono::sys_days;

// "2026-11-30", or a time of that day.
std::optional<sys_days> DayIn(const Value& object, std::string_view name) {
  const std::string text = TextOf(object, name);
  if (text.empty()) return std::nullopt;
  const std::optional<std::int64_t> ms = ParseTimestamp(text.size() == 10 ? text + "T00:00:00Z" : text);
  if (!ms) return std::nullopt;
  return DayOf(*ms);
}

}  // namespace

const FlagUse* Usage::Find(std::string_view flag) const {
  const auto found = flags.find(flag);
  return found == flags.end() ? nullptr : &found->second;
}

Status AddPage(const Value& answer, Usage& usage) {
  const Value* flags = answer.Find("flags");
  if (flags == nullptr || !flags->is_array()) return Fail(ErrorCode::kInvalid, "the server's answer has no counts");
  usage.since = DayIn(answer, "since");
  for (const Value& flag : flags->AsArray()) {
    FlagUse use;
    use.evaluations = CountOf(flag, "evaluations");
    use.last = DayIn(flag, "last_evaluated");
    if (const Value* alone = flag.Find("alone")) {
      use.alone = TextOf(*alone, "variation");
      use.alone_since = DayIn(*alone, "since");
    }
    usage.flags.insert_or_assign(TextOf(flag, "flag"), std::move(use));
  }
  return {};
}

}  // namespace guidon::gate
