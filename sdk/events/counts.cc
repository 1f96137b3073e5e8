#include "sdk/events/counts.h"

#include <algorithm>
#include <utility>

namespace guidon::internal {
namespace {

std::size_t OutcomesOf(std::string_view names) {
  const auto variations = static_cast<std::size_t>(std::count(names.begin(), names.end(), '\0')) - 1;
  return kDefaults + variations * kReasonCount;
}

// The text at `index`.
std::string_view NameAt(std::string_view names, std::size_t index) {
  for (; index > 0; --index) names.remove_prefix(names.find('\0') + 1);
  return names.substr(0, names.find('\0'));
}

}  // namespace

CountedFlag::CountedFlag(std::string names)
    : names_(std::move(names)), cells_(std::make_unique<Cell[]>(OutcomesOf(names_))) {}

OutcomeName CountedFlag::NameOf(std::uint32_t outcome) const noexcept {
  OutcomeName name;
  name.flag = NameAt(names_, 0);
  if (outcome < kReasonCount) {
    name.reason = static_cast<Reason>(outcome);
  } else if (outcome < kDefaults) {
    name.error = static_cast<EvaluationError>(outcome - kReasonCount + 1);
  } else {
    name.variation = NameAt(names_, 1 + (outcome - kDefaults) / kReasonCount);
    name.reason = static_cast<Reason>((outcome - kDefaults) % kReasonCount);
  }
  return name;
}

}  // namespace guidon::internal
