// Puts a Code together: steps with jumps to where is not known yet, what they refer to, and rules. Internal to the
// ruleset room.
//
//   CodeBuilder code;
//   const CodeBuilder::Label second = code.NewLabel();
//   code.Add(first_test, second, CodeBuilder::kFails);   // both have to hold
//   code.Bind(second);
//   code.Add(second_test, CodeBuilder::kHolds, CodeBuilder::kFails);
//   Code done = std::move(code).Finish();
//
// Thread safety: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/ruleset/compiled.h"

namespace guidon {

class CodeBuilder {
 public:
  // A place to go on at; bound once, before Finish.
  using Label = std::uint32_t;
  static constexpr Label kHolds = Step::kHolds, kFails = Step::kFails;

  Label NewLabel();
  void Bind(Label label) { bound_[label] = next(); }  // to the step that is added next
  std::uint32_t next() const { return static_cast<std::uint32_t>(steps_.size()); }
  void Add(Step step, Label if_true, Label if_false);
  void AddRule(const CompiledRule& rule) { rules_.push_back(rule); }
  std::size_t rule_count() const { return rules_.size(); }

  // Places for `Step::at` and `CompiledRule::index`.
  std::uint32_t PlaceText(std::string_view text);
  std::uint32_t PlaceSet(const TextSet& set);  // not an empty one
  std::uint32_t PlaceSplit(const AttributeRef* unit, const Murmur3Prefix& prefix, const std::vector<ArmRange>& ranges);
  // Kept as long as the code.
  const Operands* Keep(Operands operands);
  const std::vector<std::string>* Keep(std::vector<std::string> words);

  Code Finish() &&;

 private:
  void Append(const void* bytes, std::size_t size);
  std::uint32_t Resolve(std::uint32_t step, std::uint32_t target) const;

  std::vector<CompiledRule> rules_;
  std::vector<Step> steps_;
  std::vector<std::uint64_t> data_;
  std::vector<std::uint32_t> bound_;  // by label: a step
  Code code_;
};

}  // namespace guidon
