#include "stats/report/findings.h"

#include <algorithm>

#include "stats/inference/multiplicity.h"

namespace guidon::stats {

const PublishedLook::Of* FindEffect(const PublishedLook& look, std::size_t metric, std::uint32_t variant) {
  const auto found = std::find_if(look.effects.begin(), look.effects.end(), [&](const PublishedLook::Of& of) {
    return of.metric == metric && of.variant == variant;
  });
  return found == look.effects.end() ? nullptr : &*found;
}

Findings::Findings(const Design& design, std::vector<PublishedLook::Held> safe_now)
    : design_(design),
      safe_now_(std::move(safe_now)),
      variants_(std::max<std::size_t>(design.plan.variants.size(), 1) - 1),
      smallest_(variants_.size(), 1),
      z_there_(variants_.size(), 0) {}

void Findings::Add(const PublishedLook& look) {
  std::vector<std::pair<double, double>> seen(variants_.size(), {1, 0});
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const PublishedLook::Of* of = FindEffect(look, design_.primary->metric, static_cast<std::uint32_t>(i + 1));
    if (of != nullptr) seen[i] = {of->p, of->z};
  }
  See(look.number, seen);
  for (const PublishedLook::Held& held : look.safe ? *look.safe : safe_now_) safe_.emplace(held.metric, held.variant);
}

void Findings::AddNow(const std::vector<std::pair<double, double>>& p_and_z) {
  See(0, p_and_z);
}

void Findings::See(std::uint32_t number, const std::vector<std::pair<double, double>>& p_and_z) {
  for (std::size_t i = 0; i < variants_.size() && i < p_and_z.size(); ++i) {
    if (!(p_and_z[i].first < smallest_[i])) continue;
    smallest_[i] = p_and_z[i].first;
    z_there_[i] = p_and_z[i].second;
  }
  const Outcome<std::vector<double>> adjusted = AdjustP(smallest_, Correction::kHolm);
  for (std::size_t i = 0; adjusted && i < variants_.size(); ++i) {
    Finding& finding = variants_[i];
    finding.p_adjusted = (*adjusted)[i];
    if (!finding.found.empty() || finding.p_adjusted > design_.alpha) continue;
    finding.found = (z_there_[i] > 0) == design_.primary->expect_up ? "better" : "worse";
    finding.at_look = number;
  }
}

std::vector<std::size_t> Findings::Unsafe(std::uint32_t variant) const {
  std::vector<std::size_t> metrics;
  for (const GuardrailGoal& goal : design_.guardrails) {
    if (goal.margin && !safe_.contains({goal.metric, variant})) metrics.push_back(goal.metric);
  }
  return metrics;
}

bool Findings::CanShip(std::uint32_t variant) const {
  return variants_.at(variant - 1).found == "better" && Unsafe(variant).empty();
}

std::size_t Findings::Count() const {
  std::size_t count = 0;
  for (std::uint32_t v = 1; v <= variants_.size(); ++v) {
    count += (variants_[v - 1].found.empty() ? 0u : 1u) + (CanShip(v) ? 1u : 0u);
  }
  return count;
}

bool FindsAtEveryMoment(const Design& design, const std::vector<PublishedLook>& looks) {
  if (EffectiveMethod(design) != PlanMethod::kSequential) return false;
  // One that was to have a size may find it until its first look: which it is must not depend on what is found.
  return design.method == PlanMethod::kSequential || !looks.empty();
}

}  // namespace guidon::stats
