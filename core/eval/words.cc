#include <guidon/evaluation_detail.h>

#include <array>

namespace guidon {

std::string_view ToString(Reason reason) noexcept {
  constexpr std::array<std::string_view, kReasonCount> kWords = {
      "STATIC", "DEFAULT", "TARGETING_MATCH", "SPLIT", "DISABLED", "PREREQUISITE_FAILED", "ERROR"};
  return kWords[static_cast<std::size_t>(reason)];
}

std::string_view ToString(EvaluationError error) noexcept {
  constexpr std::array<std::string_view, kEvaluationErrorCount> kWords = {
      "", "FLAG_NOT_FOUND", "TYPE_MISMATCH", "PARSE_ERROR", "TARGETING_KEY_MISSING", "PROVIDER_NOT_READY"};
  return kWords[static_cast<std::size_t>(error)];
}

}  // namespace guidon
