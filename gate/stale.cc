#include "gate/stale.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "core/base/text.h"
#include "core/model/units.h"
#include "gate/constant_flag.h"
#include "gate/lookers.h"
#include "gate/usage_checks.h"

namespace guidon::gate {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

std::string Days(days count) {
  return Plural(static_cast<std::size_t>(count.count()), "day");
}

class Finder {
 public:
  explicit Finder(const StaleInput& input) : input_(input), lookers_(LookersAt(input.definitions.entities)) {
    if (input.references == nullptr) return;
    for (const refs::Reference& reference : *input.references) reads_[reference.key].push_back(&reference);
  }

  std::vector<Candidate> Run() const {
    std::vector<Candidate> found;
    for (const FlagRecord& record : Entities().flags) {
      Candidate candidate = Of(record.definition);
      const bool is_one =
          std::any_of(candidate.evidence.begin(), candidate.evidence.end(),
                      [](const Evidence& evidence) { return evidence.kind != EvidenceKind::kUnchanged; });
      if (is_one) found.push_back(std::move(candidate));
    }
    std::stable_sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) {
      return std::pair(a.strength, WeightOf(b)) < std::pair(b.strength, WeightOf(a));
    });
    return found;
  }

 private:
  const EntitySet& Entities() const { return input_.definitions.entities; }

  Candidate Of(const FlagDefinition& flag) const {
    Candidate candidate;
    candidate.flag = &flag;
    if (const auto reads = reads_.find(flag.key); reads != reads_.end()) candidate.reads = reads->second;
    if (const auto age = input_.ages.find(flag.key); age != input_.ages.end()) candidate.age = age->second;
    if (const auto lookers = lookers_.find(flag.key); lookers != lookers_.end()) candidate.needed_by = lookers->second;
    const auto add = [&](EvidenceKind kind, std::string sentence) {
      candidate.evidence.push_back({kind, std::move(sentence)});
    };
    if (flag.archived) {
      if (!candidate.reads.empty()) add(EvidenceKind::kArchivedButRead, "archived, and the code still reads it");
    } else if ((flag.kind == FlagKind::kRelease || flag.kind == FlagKind::kExperiment) &&
               !HasExperiment(input_.definitions, flag.key)) {
      AddOfUsage(flag, candidate);
      if (flag.expires && *flag.expires < input_.today) {
        add(EvidenceKind::kExpired, "its time was over on " + FormatDay(*flag.expires));
      }
      if (const std::optional<std::string> constant = ConstantVariation(input_.definitions, flag)) {
        add(EvidenceKind::kConstant, "defined to serve '" + *constant + "' to everybody in every environment");
        if (candidate.survives == nullptr) candidate.survives = flag.FindVariation(*constant);
      }
      if (input_.references != nullptr && candidate.reads.empty() && candidate.needed_by.empty()) {
        add(EvidenceKind::kNotRead, "no code that was looked at reads it");
      }
      if (candidate.age.changed && *candidate.age.changed <= input_.today - input_.days) {
        add(EvidenceKind::kUnchanged, "unchanged since " + FormatDay(*candidate.age.changed));
      }
    }
    candidate.strength = StrengthOf(candidate);
    return candidate;
  }

  // By the counts of every environment; where one counts nothing, they say nothing of the flag as a whole.
  void AddOfUsage(const FlagDefinition& flag, Candidate& candidate) const {
    const sys_days from = input_.today - input_.days + days(1);
    std::vector<std::string> silent, settled;
    std::set<std::string> alone;
    bool is_unknown = input_.definitions.project.environments.empty(), is_used = false;
    for (const EnvironmentDefinition& environment : input_.definitions.project.environments) {
      const auto usage = input_.usage.find(environment.key);
      const FlagUse* use = usage == input_.usage.end() ? nullptr : usage->second.Find(flag.key);
      if (use == nullptr || !usage->second.since || *usage->second.since > from) {
        is_unknown = true;
      } else if (!use->last || *use->last < from) {
        silent.push_back(environment.key);
      } else if (IsSettled(*use, input_.today, input_.days, input_.least)) {
        settled.push_back(environment.key);
        alone.insert(use->alone);
      } else {
        is_used = true;
      }
    }
    if (is_used || is_unknown) return;
    // A flag that was made within those days may not be read yet.
    const bool is_new = candidate.age.created && *candidate.age.created > from;
    if (settled.empty()) {
      if (!is_new) {
        candidate.evidence.push_back(
            {EvidenceKind::kNotEvaluated, "not evaluated in " + Days(input_.days) + ", in " + Listed(silent, "and")});
      }
      return;
    }
    if (alone.size() != 1) return;
    candidate.survives = flag.FindVariation(*alone.begin());
    std::uint64_t evaluations = 0;
    for (const std::string& environment : settled) {
      evaluations += input_.usage.at(environment).Find(flag.key)->evaluations;
    }
    candidate.evidence.push_back({EvidenceKind::kSettled, "'" + *alone.begin() + "' alone was served for " +
                                                              Days(input_.days) + ", " + std::to_string(evaluations) +
                                                              " times, in " + Listed(settled, "and")});
  }

  static int WeightOf(const Candidate& candidate) {
    int weight = 0;
    for (const Evidence& evidence : candidate.evidence) {
      switch (evidence.kind) {
        case EvidenceKind::kArchivedButRead:
          weight += 8;
          break;
        case EvidenceKind::kNotEvaluated:
        case EvidenceKind::kSettled:
          weight += 4;
          break;
        case EvidenceKind::kExpired:
        case EvidenceKind::kConstant:
        case EvidenceKind::kNotRead:
          weight += 2;
          break;
        case EvidenceKind::kUnchanged:
          weight += 1;
          break;
      }
    }
    return weight;
  }
  // Strong: something that was measured, and something else with it. Fair: two things, or one that was measured.
  static Strength StrengthOf(const Candidate& candidate) {
    const int weight = WeightOf(candidate);
    return weight >= 6 ? Strength::kStrong : weight >= 4 ? Strength::kFair : Strength::kWeak;
  }

  const StaleInput& input_;
  std::map<std::string_view, std::vector<const refs::Reference*>> reads_;
  const std::map<std::string, std::vector<std::string>, std::less<>> lookers_;
};

}  // namespace

std::string_view ToString(EvidenceKind kind) {
  constexpr std::array<std::string_view, 7> kWords = {"archived_but_read", "not_evaluated", "settled",  "expired",
                                                      "constant",          "not_read",      "unchanged"};
  return kWords.at(static_cast<std::size_t>(kind));
}

std::string_view ToString(Strength strength) {
  constexpr std::array<std::string_view, 3> kWords = {"strong", "fair", "weak"};
  return kWords.at(static_cast<std::size_t>(strength));
}

std::vector<Candidate> FindStale(const StaleInput& input) {
  return Finder(input).Run();
}

}  // namespace guidon::gate
