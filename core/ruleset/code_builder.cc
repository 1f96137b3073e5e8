#include "core/ruleset/code_builder.h"

#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

namespace guidon {

CodeBuilder::Label CodeBuilder::NewLabel() {
  bound_.push_back(0);
  return static_cast<Label>(bound_.size() - 1);
}

void CodeBuilder::Add(Step step, Label if_true, Label if_false) {
  step.if_true = if_true;
  step.if_false = if_false;
  steps_.push_back(step);
}

// Pads to 8 bytes.
void CodeBuilder::Append(const void* bytes, std::size_t size) {
  if (size == 0) return;
  const std::size_t begin = data_.size();
  data_.resize(begin + (size + 7) / 8);
  std::memcpy(data_.data() + begin, bytes, size);
}

std::uint32_t CodeBuilder::PlaceText(std::string_view text) {
  const auto place = static_cast<std::uint32_t>(data_.size());
  data_.push_back(text.size());
  Append(text.data(), text.size());
  return place;
}

std::uint32_t CodeBuilder::PlaceSet(const TextSet& set) {
  const auto place = static_cast<std::uint32_t>(data_.size());
  data_.insert(data_.end(), set.words().begin(), set.words().end());
  return place;
}

std::uint32_t CodeBuilder::PlaceSplit(const AttributeRef* unit, const Murmur3Prefix& prefix,
                                      const std::vector<ArmRange>& ranges) {
  std::vector<SplitCode::Cut> cuts;
  std::uint32_t covered = 0;
  for (const ArmRange& range : ranges) {
    if (range.begin > covered) cuts.push_back({range.begin, kNone});
    cuts.push_back({range.end, range.arm});
    covered = range.end;
  }
  if (covered < kWhole) cuts.push_back({kWhole, kNone});
  const SplitCode split{unit, prefix, cuts.size()};
  static_assert(std::is_trivially_copyable_v<SplitCode> && std::is_trivially_copyable_v<SplitCode::Cut>);
  const auto place = static_cast<std::uint32_t>(data_.size());
  Append(&split, sizeof split);
  Append(cuts.data(), cuts.size() * sizeof(SplitCode::Cut));
  return place;
}

const Operands* CodeBuilder::Keep(Operands operands) {
  code_.operands_.push_back(std::make_unique<const Operands>(std::move(operands)));
  return code_.operands_.back().get();
}

const std::vector<std::string>* CodeBuilder::Keep(std::vector<std::string> words) {
  code_.words_.push_back(std::make_unique<const std::vector<std::string>>(std::move(words)));
  return code_.words_.back().get();
}

std::uint32_t CodeBuilder::Resolve(std::uint32_t step, std::uint32_t target) const {
  if (target == Step::kHolds || target == Step::kFails) return target;
  return bound_[target] == step + 1 ? Step::kNext : bound_[target];
}

Code CodeBuilder::Finish() && {
  static_assert(std::is_trivially_copyable_v<Step> && std::is_trivially_copyable_v<CompiledRule>);
  if (rules_.empty() && steps_.empty()) return {};
  // Places become relative to the first step.
  const auto data_at = static_cast<std::uint32_t>(steps_.size() * sizeof(Step) / 8);
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    step.if_true = Resolve(i, step.if_true);
    step.if_false = Resolve(i, step.if_false);
    using Form = Step::Form;
    if (step.form == Form::kText || step.form == Form::kTexts || step.form == Form::kPart) step.at += data_at;
  }
  for (CompiledRule& rule : rules_) {
    const bool has_place = rule.serve == CompiledRule::Serve::kSplit || rule.serve == CompiledRule::Serve::kSelect;
    if (has_place) rule.index += data_at;
  }
  code_.rule_count_ = static_cast<std::uint32_t>(rules_.size());
  const std::size_t steps_at = Code::StepsAt(code_.rule_count_);
  const std::size_t size = steps_at + steps_.size() * sizeof(Step) + data_.size() * 8;
  auto* memory = static_cast<char*>(::operator new(size, std::align_val_t(64)));
  code_.memory_.reset(memory);
  // Empty vectors may have no data() to copy from.
  const auto put = [memory](std::size_t at, const auto& list) {
    if (!list.empty()) std::memcpy(memory + at, list.data(), list.size() * sizeof list[0]);
  };
  put(0, rules_);
  put(steps_at, steps_);
  put(steps_at + steps_.size() * sizeof(Step), data_);
  return std::move(code_);
}

}  // namespace guidon
