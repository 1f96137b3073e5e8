// What the looks of an experiment have found, and what stands by it.
//
//   Findings findings(design);
//   for (const PublishedLook& look : looks) findings.Add(look);
//   if (findings.CanShip(variant)) …
//
// The first crossing stands: p of a variant is the smallest that a look has seen (the repeated p, or that of a
// sequence, holds for all looks together), Holm over the variants; a guardrail that was shown to be within its margin
// at one look is, by a sequence that holds at every moment. So what was found is found at every later look, too, and a
// decision that is made by it is not taken back by newer numbers.
//
// Thread safety: plain values. Cost of a look: O(variants log variants + guardrails).
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "stats/report/report.h"

namespace guidon::stats {

// What the plan's method has found of one variant.
struct Finding {
  std::string found;          // "better", "worse", ""
  std::uint32_t at_look = 0;  // the first that found it; 0: the present numbers
  double p_adjusted = 1;      // Holm over the variants, of the smallest p so far
};

// What a look says of a variant by a metric; nullptr: nothing.
const PublishedLook::Of* FindEffect(const PublishedLook& look, std::size_t metric, std::uint32_t variant);

class Findings {
 public:
  // Of the primary metric, which the design has and which outlives it. `safe_now`: what counts for looks of older
  // servers, which kept nothing of guardrails.
  explicit Findings(const Design& design, std::vector<PublishedLook::Held> safe_now = {});

  // In the order in which they were taken.
  void Add(const PublishedLook& look);
  // The present numbers, where every moment counts: p and an effect of the same sign as z, of each variant but the
  // control.
  void AddNow(const std::vector<std::pair<double, double>>& p_and_z);

  const std::vector<Finding>& variants() const { return variants_; }  // each but the control
  // Guardrails with a margin within which no look has shown the variant to be; `variant` from 1.
  std::vector<std::size_t> Unsafe(std::uint32_t variant) const;
  // Better, and every guardrail safe. Whether one is harmed is no matter here.
  bool CanShip(std::uint32_t variant) const;
  // Grows with whatever is found anew: once for each variant that was found, and once for each that can ship.
  std::size_t Count() const;

 private:
  void See(std::uint32_t number, const std::vector<std::pair<double, double>>& p_and_z);

  const Design& design_;
  const std::vector<PublishedLook::Held> safe_now_;
  std::vector<Finding> variants_;
  std::vector<double> smallest_, z_there_;
  std::set<std::pair<std::size_t, std::uint32_t>> safe_;  // metric and variant
};

// Whether a look may be taken whenever it finds something: of a sequence, which holds at every moment, once it is
// settled that the plan is read as one.
bool FindsAtEveryMoment(const Design& design, const std::vector<PublishedLook>& looks);

}  // namespace guidon::stats
