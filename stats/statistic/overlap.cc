#include "stats/statistic/overlap.h"

#include <algorithm>
#include <utility>

#include "core/base/json_record.h"
#include "stats/metric/packed.h"

namespace guidon::stats {
namespace {

constexpr std::string_view kLeftOutPart = "left_out";
constexpr double kNoRestOfCell = 0x1p-98;  // as of totals: what rounding at 106 bits may leave of nothing

IterationLess::View ViewOf(const ExperimentPlan& plan) {
  return {plan.experiment, plan.iteration};
}

// Sum of (a - mean a)(b - mean b).
double ProductsOf(double n, const ExactSum& a, const ExactSum& b, const ExactSum& ab) {
  return (ab.ToWide() - a.ToWide() * b.ToWide() / n).high;
}
double SquaresOf(double n, const ExactSum& a, const ExactSum& aa) {
  const double rest = ProductsOf(n, a, a, aa);
  return rest <= kNoRestOfCell * aa.ToDouble() ? 0 : rest;
}

bool IsYesOrNo(MetricKind kind) {
  return kind == MetricKind::kConversion || kind == MetricKind::kRetention || kind == MetricKind::kFunnel;
}

Error CorruptOverlaps() {
  return {ErrorCode::kCorrupt, "what experiments that overlap had come to cannot be read", {}};
}

Value EncodeOther(const Overlap& other) {
  Array rows;
  for (const std::vector<OverlapCell>& row : other.cells) {
    Array cells;
    for (const OverlapCell& cell : row) {
      cells.emplace_back(Array{Value(cell.units), Value(cell.n), Value(cell.mean), Value(cell.variance)});
    }
    rows.emplace_back(std::move(cells));
  }
  return Object{{"experiment", Value(other.experiment)},
                {"iteration", Value(other.iteration)},
                {"variants", Value(TextsOf(other.variants))},
                {"cells", Value(std::move(rows))}};
}

Result<Overlap> DecodeOther(const Value& value, std::size_t own_variants) {
  Overlap other{TextOf(value, "experiment"),
                static_cast<std::uint32_t>(NumberOf(value, "iteration")),
                TextsIn(value, "variants"),
                {}};
  for (const Value& row : ListIn(value, "cells")) {
    std::vector<OverlapCell>& cells = other.cells.emplace_back();
    if (!row.is_array() || row.AsArray().size() != other.variants.size()) return Fail(CorruptOverlaps());
    for (const Value& cell : row.AsArray()) {
      const bool is_cell = cell.is_array() && cell.AsArray().size() == 4 &&
                           std::all_of(cell.AsArray().begin(), cell.AsArray().end(),
                                       [](const Value& number) { return number.is_number(); });
      if (!is_cell) return Fail(CorruptOverlaps());
      const Array& numbers = cell.AsArray();
      cells.push_back({static_cast<std::uint64_t>(numbers[0].AsDouble()), numbers[1].AsDouble(), numbers[2].AsDouble(),
                       numbers[3].AsDouble()});
    }
  }
  if (other.experiment.empty() || other.cells.size() != own_variants) return Fail(CorruptOverlaps());
  return other;
}

}  // namespace

Value EncodeOverlaps(const Overlaps& overlaps) {
  Array others;
  for (const Overlap& other : overlaps.others) others.push_back(EncodeOther(other));
  return Object{{"time", Value(overlaps.time.time_since_epoch().count())},
                {"metric", Value(overlaps.metric)},
                {"variants", Value(TextsOf(overlaps.variants))},
                {"others", Value(std::move(others))},
                {"left_out", Value(TextsOf(overlaps.left_out))}};
}

Result<Overlaps> DecodeOverlaps(const Value& value) {
  if (!value.is_object()) return Fail(CorruptOverlaps());
  Overlaps overlaps{Time(Milliseconds(NumberOf(value, "time"))),
                    TextOf(value, "metric"),
                    TextsIn(value, "variants"),
                    {},
                    TextsIn(value, "left_out")};
  if (overlaps.variants.empty()) return Fail(CorruptOverlaps());
  for (const Value& one : ListIn(value, "others")) {
    Result<Overlap> other = DecodeOther(one, overlaps.variants.size());
    if (!other) return Fail(other.error());
    overlaps.others.push_back(*std::move(other));
  }
  return overlaps;
}

OverlapSums::OverlapSums(const ExperimentPlan& plan) : plan_(&plan) {}

Result<OverlapSums> OverlapSums::Read(const ExperimentPlan& plan, const std::map<std::string, std::string>& parts) {
  OverlapSums sums(plan);
  for (const auto& [name, text] : parts) {
    Unpacker in(text);
    if (name == kLeftOutPart) {
      for (std::size_t left = in.Count(1); left > 0; --left) sums.left_out_.emplace(in.Text());
      if (!in.AtEnd()) return Fail(CorruptOverlaps());
      continue;
    }
    Other other;
    other.part = static_cast<std::size_t>(in.UnsignedTo(kMostOthers));
    const std::string experiment(in.Text());
    const std::uint32_t iteration = in.Unsigned32();
    for (std::size_t left = in.Count(1); left > 0; --left) other.variants.emplace_back(in.Text());
    const std::size_t cells = plan.variants.size() * other.variants.size();
    if (!in.ok() || cells > kMostCells) return Fail(CorruptOverlaps());
    for (std::size_t i = 0; i < cells; ++i) {
      Cell& cell = other.cells.emplace_back();
      cell.units = in.Unsigned();
      cell.n = in.Unsigned();
      for (ExactSum* sum : {&cell.y, &cell.yy, &cell.d, &cell.dd, &cell.yd}) {
        if (!sum->Read(in)) return Fail(CorruptOverlaps());
      }
    }
    if (!in.AtEnd()) return Fail(CorruptOverlaps());
    sums.cells_ += cells;
    sums.others_.emplace(Key(experiment, iteration), std::move(other));
  }
  if (sums.others_.size() > kMostOthers) return Fail(CorruptOverlaps());
  return sums;
}

bool OverlapSums::IsBeside(const ExperimentPlan& other) const {
  return other.experiment != plan_->experiment && (!other.ended || plan_->started < *other.ended) &&
         (!plan_->ended || other.started < *plan_->ended);
}

void OverlapSums::Add(std::span<const Taker> takers, const Contribution& gives) {
  if (gives.kind != Contribution::Kind::kUnit || gives.variant >= plan_->variants.size()) return;
  if (left_out_.size() < kMostNamed) {
    for (const Taker& taker : takers) {
      if (!IsBeside(*taker.plan)) continue;
      if (Other* other = Find(*taker.plan)) AddTo(*other, taker, gives);
    }
    return;
  }
  // There is room for no more, and no name: of a unit in very many only those that have cells are of interest.
  for (auto& [key, other] : others_) {
    const auto taker =
        std::lower_bound(takers.begin(), takers.end(), IterationLess::Of(key),
                         [](const Taker& one, const IterationLess::View& view) { return ViewOf(*one.plan) < view; });
    if (taker == takers.end() || ViewOf(*taker->plan) != IterationLess::Of(key)) continue;
    if (IsBeside(*taker->plan)) AddTo(other, *taker, gives);
  }
}

OverlapSums::Other* OverlapSums::Find(const ExperimentPlan& other) {
  if (const auto found = others_.find(ViewOf(other)); found != others_.end()) return &found->second;
  const std::size_t cells = plan_->variants.size() * other.variants.size();
  if (others_.size() >= kMostOthers || cells_ + cells > kMostCells) {
    if (left_out_.size() < kMostNamed && left_out_.insert(other.experiment).second) left_out_is_dirty_ = true;
    return nullptr;
  }
  cells_ += cells;
  return &others_
              .emplace(Key(other.experiment, other.iteration),
                       Other{other.variants, std::vector<Cell>(cells), others_.size(), true})
              .first->second;
}

void OverlapSums::AddTo(Other& other, const Taker& taker, const Contribution& gives) {
  // Since cells of it were made, its plan may have become another one.
  if (taker.variant >= other.variants.size() || taker.plan->variants != other.variants) return;
  Cell& cell = other.cells[gives.variant * other.variants.size() + taker.variant];
  ++cell.units;
  other.is_dirty = true;
  if (plan_->metrics.empty() || gives.metrics.empty()) return;
  const MetricKind kind = plan_->metrics.front().kind;
  const MetricContribution& metric = gives.metrics.front();
  if (kind == MetricKind::kQuantile || !metric.counted) return;
  ++cell.n;
  cell.y.Add(metric.y);
  cell.yy.AddProduct(metric.y, metric.y);
  if (kind != MetricKind::kRatio) return;
  cell.d.Add(metric.d);
  cell.dd.AddProduct(metric.d, metric.d);
  cell.yd.AddProduct(metric.y, metric.d);
}

std::map<std::string, std::string> OverlapSums::TakeDirtyParts() {
  std::map<std::string, std::string> parts;
  for (auto& [key, other] : others_) {
    if (!std::exchange(other.is_dirty, false)) continue;
    Packer out;
    out.Unsigned(other.part);
    out.Text(key.first);
    out.Unsigned(key.second);
    out.Unsigned(other.variants.size());
    for (const std::string& variant : other.variants) out.Text(variant);
    for (const Cell& cell : other.cells) {
      out.Unsigned(cell.units);
      out.Unsigned(cell.n);
      for (const ExactSum* sum : {&cell.y, &cell.yy, &cell.d, &cell.dd, &cell.yd}) sum->Write(out);
    }
    parts[std::to_string(other.part)] = out.Take();
  }
  if (std::exchange(left_out_is_dirty_, false)) {
    Packer out;
    out.Unsigned(left_out_.size());
    for (const std::string& name : left_out_) out.Text(name);
    parts[std::string(kLeftOutPart)] = out.Take();
  }
  return parts;
}

OverlapCell OverlapSums::Finished(const Cell& cell) const {
  OverlapCell done{cell.units, static_cast<double>(cell.n), 0, 0};
  if (cell.n == 0) return done;
  const MetricKind kind = plan_->metrics.front().kind;
  if (kind != MetricKind::kRatio) {
    done.mean = (cell.y.ToWide() / done.n).high;
    if (IsYesOrNo(kind)) {
      done.variance = done.mean * (1 - done.mean);
    } else if (cell.n > 1) {
      done.variance = SquaresOf(done.n, cell.y, cell.yy) / (done.n - 1);
    }
    return done;
  }
  const double denominator = (cell.d.ToWide() / done.n).high;
  if (denominator == 0) return {cell.units, 0, 0, 0};  // there is no ratio
  done.mean = cell.y.ToDouble() / cell.d.ToDouble();
  if (cell.n < 2) return done;
  const double yy = SquaresOf(done.n, cell.y, cell.yy), dd = SquaresOf(done.n, cell.d, cell.dd);
  const double yd = ProductsOf(done.n, cell.y, cell.d, cell.yd);
  const double squares = yy - 2 * done.mean * yd + done.mean * done.mean * dd;
  done.variance = std::max(0.0, squares / (done.n - 1) / (denominator * denominator));
  return done;
}

Overlaps OverlapSums::Finish(Time time) const {
  Overlaps overlaps;
  overlaps.time = time;
  if (!plan_->metrics.empty()) overlaps.metric = plan_->metrics.front().key;
  overlaps.variants = plan_->variants;
  for (const auto& [key, other] : others_) {
    Overlap& one = overlaps.others.emplace_back();
    one.experiment = key.first;
    one.iteration = key.second;
    one.variants = other.variants;
    for (std::size_t own = 0; own < plan_->variants.size(); ++own) {
      std::vector<OverlapCell>& row = one.cells.emplace_back();
      for (std::size_t v = 0; v < other.variants.size(); ++v) {
        row.push_back(Finished(other.cells[own * other.variants.size() + v]));
      }
    }
  }
  overlaps.left_out.assign(left_out_.begin(), left_out_.end());
  return overlaps;
}

}  // namespace guidon::stats
