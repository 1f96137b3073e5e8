#include "server/ingest/fold_sweep.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "stats/metric/packed.h"

namespace guidon {
namespace {

using stats::Contribution;
using stats::Totals;

constexpr std::string_view kTotalsPart = "t/", kGatheredPart = "g/", kOverlapsPart = "o/";

// "g/3/y/17": of metric 3, from its 17th number on.
std::string NameOfGathered(std::size_t metric, bool is_y, std::size_t first) {
  return std::string(kGatheredPart) + std::to_string(metric) + (is_y ? "/y/" : "/x/") + std::to_string(first);
}

std::string TextOf(const std::vector<double>& numbers, std::size_t first) {
  stats::Packer out;
  for (std::size_t i = first; i < numbers.size(); ++i) out.Double(numbers[i]);
  return out.Take();
}

Error Corrupt() {
  return {ErrorCode::kCorrupt, "what a pass over units had come to cannot be read", {}};
}

}  // namespace

SweepJob::SweepJob(const stats::ExperimentPlan& plan, const StoredSweep::Job& job)
    : plan_(&plan),
      caps_(job.caps),
      gathers_(job.gathers),
      gathered_(plan.metrics.size()),
      were_written_(plan.metrics.size()) {
  if (job.sums) totals_.emplace(plan);
  if (job.sums && job.overlaps) overlaps_.emplace(plan);
}

Result<SweepJob> SweepJob::Read(const stats::ExperimentPlan& plan, const StoredSweep::Job& stored,
                                const std::map<std::string, std::string>& parts) {
  SweepJob job(plan, stored);
  std::map<std::string, std::string> of_totals, of_overlaps;
  for (const auto& [name, text] : parts) {
    const std::string_view rest = std::string_view(name).substr(std::min<std::size_t>(2, name.size()));
    if (name.starts_with(kTotalsPart)) {
      of_totals[std::string(rest)] = text;
      continue;
    }
    if (name.starts_with(kOverlapsPart)) {
      of_overlaps[std::string(rest)] = text;
      continue;
    }
    const std::size_t slash = rest.find('/');
    std::size_t metric = 0;
    for (const char digit : rest.substr(0, slash)) {
      if (digit < '0' || digit > '9' || metric >= plan.metrics.size()) return Fail(Corrupt());
      metric = 10 * metric + static_cast<std::size_t>(digit - '0');
    }
    if (slash == std::string_view::npos || metric >= plan.metrics.size()) return Fail(Corrupt());
    stats::UnitTotals& gathered = job.gathered_[metric];
    std::vector<double>& numbers = rest.substr(slash).starts_with("/y/") ? gathered.y : gathered.x;
    stats::Unpacker in(text);
    for (std::size_t i = 0; i < text.size() / sizeof(double); ++i) numbers.push_back(in.Double());
    if (!in.AtEnd()) return Fail(Corrupt());
  }
  for (std::size_t m = 0; m < job.gathered_.size(); ++m) {
    job.were_written_[m] = {job.gathered_[m].y.size(), job.gathered_[m].x.size()};
  }
  if (!stored.sums) return job;
  Result<Totals> totals = Totals::FromParts(plan, of_totals);
  if (!totals) return Fail(totals.error());
  job.totals_ = *std::move(totals);
  if (!job.overlaps_) return job;
  Result<stats::OverlapSums> overlaps = stats::OverlapSums::Read(plan, of_overlaps);
  if (!overlaps) return Fail(overlaps.error());
  job.overlaps_ = *std::move(overlaps);
  return job;
}

void SweepJob::Pass(const stats::UnitRecord& unit, std::uint8_t group,
                    std::span<const stats::OverlapSums::Taker> takers, const Totals* slots) {
  if (totals_) {
    const Contribution gives = Of(unit, group);
    Add(gives, slots);
    if (overlaps_) overlaps_->Add(takers, gives);
  }
  if (gathers_) Gather(stats::ContributionOf(*plan_, unit, group, {}));
}

Contribution SweepJob::Of(const stats::UnitRecord& unit, std::uint8_t group) const {
  return totals_ ? stats::ContributionOf(*plan_, unit, group, caps_) : Contribution();
}

void SweepJob::Add(const Contribution& gives, const Totals* slots) {
  if (!totals_ || gives.kind == Contribution::Kind::kNone) return;
  if (slots != nullptr) {
    totals_->Add(gives, *slots);
  } else {
    totals_->Add(gives);
  }
}

void SweepJob::Remove(const Contribution& gave, const Totals* slots) {
  if (!totals_ || gave.kind == Contribution::Kind::kNone) return;
  if (slots != nullptr) {
    totals_->Remove(gave, *slots);
  } else {
    totals_->Remove(gave);
  }
}

// Caps leave zeros out.
void SweepJob::Gather(const Contribution& gives) {
  if (gives.kind != Contribution::Kind::kUnit) return;
  for (std::size_t m = 0; m < gathered_.size(); ++m) {
    const stats::MetricContribution& metric = gives.metrics[m];
    if (!plan_->metrics[m].cap_share || !metric.counted) continue;
    if (metric.y_uncapped != 0) gathered_[m].y.push_back(metric.y_uncapped);
    if (metric.x != 0) gathered_[m].x.push_back(metric.x);
  }
}

std::map<std::string, std::string> SweepJob::TakeDirtyParts() {
  std::map<std::string, std::string> parts;
  if (totals_) {
    for (auto& [name, text] : totals_->TakeDirtyParts()) parts[std::string(kTotalsPart) + name] = std::move(text);
  }
  if (overlaps_) {
    for (auto& [name, text] : overlaps_->TakeDirtyParts()) parts[std::string(kOverlapsPart) + name] = std::move(text);
  }
  for (std::size_t m = 0; m < gathered_.size(); ++m) {
    auto& [y, x] = were_written_[m];
    if (gathered_[m].y.size() > y) parts[NameOfGathered(m, true, y)] = TextOf(gathered_[m].y, y);
    if (gathered_[m].x.size() > x) parts[NameOfGathered(m, false, x)] = TextOf(gathered_[m].x, x);
    y = gathered_[m].y.size();
    x = gathered_[m].x.size();
  }
  return parts;
}

Totals SweepJob::TakeTotals(const Totals* slots) && {
  if (slots != nullptr) totals_->TakeSlotsOf(*slots);
  return *std::move(totals_);
}

stats::Caps SweepJob::TakeCaps() && {
  return stats::CapsOf(*plan_, std::move(gathered_));
}

}  // namespace guidon
