#include "stats/metric/contribution.h"
#include "stats/metric/unit_record.h"
#include "stats/statistic/sketch.h"
#include "stats/statistic/totals.h"
#include "tests/fuzz/targets.h"

namespace guidon::fuzz {
namespace {

using namespace std::chrono_literals;
using namespace stats;

// A metric of each kind, of the sources 1, 2 and 3.
ExperimentPlan Plan() {
  ExperimentPlan plan;
  plan.experiment = "e";
  plan.variants = {"control", "treatment"};
  plan.dimensions = {"platform"};
  plan.started = Time(Milliseconds(1'790'000'000'000));
  plan.ended = plan.started + 24h * 30;
  for (const MetricKind kind :
       {MetricKind::kConversion, MetricKind::kCount, MetricKind::kSum, MetricKind::kMean, MetricKind::kRatio,
        MetricKind::kQuantile, MetricKind::kRetention, MetricKind::kFunnel}) {
    MetricPlan metric;
    metric.kind = kind;
    metric.sources = {1, 2, 3};
    metric.window = 72h;
    metric.cap_value = 1e6;
    plan.metrics.push_back(metric);
  }
  return plan;
}

void CheckArms(const Totals& totals, const ExperimentPlan& plan) {
  for (std::size_t metric = 0; metric < plan.metrics.size(); ++metric) {
    for (std::uint32_t variant = 0; variant < plan.variants.size(); ++variant) {
      totals.Arm(metric, variant);
      totals.RawArm(metric, variant);
      totals.CovariateArm(metric, variant);
      for (const Slice& slice : totals.Slices()) totals.Arm(metric, variant, slice);
    }
  }
}

void CheckRecord(std::string_view input) {
  const Result<UnitRecord> read = UnitRecord::Decode(input);
  if (!read) return Require(read.error().code == ErrorCode::kCorrupt, "what is no record is corrupt");
  const Result<UnitRecord> again = UnitRecord::Decode(read->Encode());
  Require(again && *again == *read, "a record can be written and read again");
  const ExperimentPlan plan = Plan();
  const Contribution contribution = ContributionOf(plan, *read, 7, {});
  Totals totals(plan);
  totals.Add(contribution);
  CheckArms(totals, plan);
  totals.Remove(contribution);
  Require(totals.AllParts().empty(), "what a unit came to can be taken out");
  UnitRecord more = *read;
  more.AddEvent(1, {plan.started, 1, 1});
  Require(more.Forget(plan.started, {}, {1}), "an event at the instant stays");
}

void CheckSketch(std::string_view input) {
  Unpacker in(input);
  Sketch sketch;
  if (!sketch.Read(in)) return Require(sketch.empty(), "what is no sketch has no values");
  Packer out;
  sketch.Write(out);
  const std::string text = out.Take();
  Unpacker in_again(text);
  Sketch again;
  Require(again.Read(in_again) && in_again.AtEnd() && again == sketch, "a sketch can be written and read again");
  Require(sketch.Quantile(0.5).has_value() == !sketch.empty(), "values have quantiles");
}

// "NAME NUL TEXT"
void CheckPart(std::string_view input) {
  const std::size_t end = input.find('\0');
  if (end == std::string_view::npos) return;
  const ExperimentPlan plan = Plan();
  const std::map<std::string, std::string> parts = {
      {std::string(input.substr(0, end)), std::string(input.substr(end + 1))}};
  const Result<Totals> read = Totals::FromParts(plan, parts);
  if (!read) return Require(read.error().code == ErrorCode::kCorrupt, "what is no part is corrupt");
  const Result<Totals> again = Totals::FromParts(plan, read->AllParts());
  Require(again && again->DriftFrom(*read) == 0, "parts can be written and read again");
  CheckArms(*read, plan);
}

}  // namespace

void Facts(std::string_view input) {
  if (input.empty()) return;
  const std::string_view rest = input.substr(1);
  switch (input[0]) {
    case 'u':
      return CheckRecord(rest);
    case 'k':
      return CheckSketch(rest);
    default:
      return CheckPart(rest);
  }
}

}  // namespace guidon::fuzz
