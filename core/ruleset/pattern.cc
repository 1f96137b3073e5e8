#include "core/ruleset/pattern.h"

#include <re2/re2.h>
#include <sched.h>

#include <new>
#include <utility>

#include "core/model/names.h"

namespace guidon {

Result<std::unique_ptr<const Pattern>> Pattern::Compile(const std::string& text, bool ignore_case) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxExpressionMemory);
  options.set_case_sensitive(!ignore_case);
  auto compiled = std::make_unique<const re2::RE2>(text, options);
  if (!compiled->ok()) return Fail(ErrorCode::kInvalid, "not a regular expression: " + compiled->error());
  if (compiled->ProgramSize() > kMaxExpressionProgram) {
    return Fail(ErrorCode::kInvalid, "a regular expression that compiles to more than " +
                                         std::to_string(kMaxExpressionProgram) + " instructions");
  }
  return std::make_unique<const Pattern>(std::move(compiled));
}

Pattern::Pattern(std::unique_ptr<const re2::RE2> first) : first_(std::move(first)) {}

Pattern::~Pattern() {
  for (const auto& other : others_) delete other.load(std::memory_order_relaxed);
}

bool Pattern::MatchesWithin(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), OwnCopy());
}

const re2::RE2& Pattern::OwnCopy() const {
  const int processor = sched_getcpu();  // asks no system: a few instructions
  const std::size_t number = static_cast<std::size_t>(processor < 0 ? 0 : processor) % kCopies;
  if (number == 0) return *first_;
  std::atomic<const re2::RE2*>& copy = others_[number - 1];
  const re2::RE2* held = copy.load(std::memory_order_acquire);
  if (held != nullptr) return *held;
  std::unique_ptr<const re2::RE2> made;
  try {
    made = std::make_unique<const re2::RE2>(first_->pattern(), first_->options());
  } catch (const std::bad_alloc&) {
    return *first_;  // slower, and right
  }
  // Another thread may have been quicker: its copy is `held` then.
  if (!copy.compare_exchange_strong(held, made.get(), std::memory_order_acq_rel)) return *held;
  return *made.release();
}

}  // namespace guidon
