#include "cli/event_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <memory>
#include <utility>

#include "cli/csv.h"
#include "core/base/json.h"
#include "core/model/units.h"
#include "stats/statistic/facts_json.h"
#include "workspace/file.h"

namespace guidon::cli {
namespace {

using stats::MetricKind;
using stats::Time;

constexpr std::size_t kMostVariants = 100;
constexpr double kMostCount = 1e9;  // of a unit's events, in one row
// Of rows without a time: all of one day, and room before it.
constexpr Time kNoTime{std::chrono::sys_days(std::chrono::year(2000) / 1 / 1)};
constexpr stats::Milliseconds kBefore = std::chrono::hours(24);

std::vector<std::string> SplitAt(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (std::size_t end = 0; end != std::string_view::npos;) {
    end = text.find(at);
    parts.emplace_back(text.substr(0, end));
    if (end != std::string_view::npos) text.remove_prefix(end + 1);
  }
  return parts;
}

Error Wrong(const std::string& what) {
  return {ErrorCode::kInvalid, what, {}};
}

// ---- What to read --------------------------------------------------------------------------------------------------

std::optional<double> NumberOf(std::string_view text) {
  double number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = fault == std::errc() && end == text.data() + text.size();
  return is_number && number - number == 0 ? std::optional(number) : std::nullopt;
}

std::optional<double> ShareOf(const std::string& text) {
  const std::optional<std::uint32_t> parts = ParsePercent(text);
  if (!parts || *parts == 0 || *parts >= kWhole) return std::nullopt;
  return static_cast<double>(*parts) / kWhole;
}

Status ReadOption(const std::string& option, MetricColumn& column) {
  const std::size_t sign = option.find('=');
  const std::string name = option.substr(0, sign);
  const std::string value = sign == std::string::npos ? std::string() : option.substr(sign + 1);
  stats::MetricPlan& metric = column.metric;
  if (option == "down") {
    metric.lower_is_better = true;
    return {};
  }
  if (name == "before" && !value.empty()) {
    column.before = value;
    return {};
  }
  if (name == "metric" && !value.empty()) {
    column.server_metric = value;
    return {};
  }
  if (name == "cap" && value.ends_with('%')) {
    if ((metric.cap_share = ShareOf(value))) return {};
  } else if (name == "cap") {
    if ((metric.cap_value = NumberOf(value)) && *metric.cap_value > 0) return {};
  } else if (name == "at") {
    if (const auto share = ShareOf(value)) return metric.quantile = *share, Status();
  }
  return Fail(Wrong("'" + option + "' is no option of the metric '" + metric.key +
                    "': down, cap=99.9%, cap=500, before=COLUMN, metric=KEY, and of a quantile at=95%"));
}

Result<MetricColumn> ReadMetric(const std::string& text) {
  const std::vector<std::string> parts = SplitAt(text, ':');
  MetricColumn column;
  column.metric.key = parts[0];
  const std::optional<MetricKind> kind = parts.size() < 2 ? std::nullopt : stats::MetricKindFromString(parts[1]);
  if (parts[0].empty() || !kind || *kind == MetricKind::kRetention || *kind == MetricKind::kFunnel) {
    return Fail(
        Wrong("'" + text +
              "' is no metric: write COLUMN:KIND, where KIND is conversion, count, sum, mean, ratio or quantile"));
  }
  column.metric.kind = *kind;
  column.columns = *kind == MetricKind::kRatio ? SplitAt(parts[0], '/') : std::vector<std::string>{parts[0]};
  if (*kind == MetricKind::kRatio && column.columns.size() != 2) {
    return Fail(Wrong("'" + text + "' is no ratio: write COLUMN/COLUMN:ratio"));
  }
  for (std::size_t i = 2; i < parts.size(); ++i) {
    if (Status read = ReadOption(parts[i], column); !read) return Fail(read.error());
  }
  if (!column.before.empty() && *kind == MetricKind::kQuantile) {
    return Fail(Wrong("'" + text + "': a quantile is not adjusted by what was before"));
  }
  column.metric.adjust = !column.before.empty();
  return column;
}

// ---- Rows ----------------------------------------------------------------------------------------------------------

class TableReader {
 public:
  TableReader(std::string path, const TableColumns& columns) : path_(std::move(path)), columns_(columns) {
    unit_ = Use(columns.unit);
    variant_ = Use(columns.variant);
    if (!columns.time.empty()) time_ = Use(columns.time);
    for (const std::string& dimension : columns.dimensions) dimensions_.push_back(Use(dimension));
    if (!columns.cluster.empty()) cluster_ = Use(columns.cluster);
    // Columns of a metric are its sources; what was before is of the numerator's.
    stats::SourceId source = 0;
    for (const MetricColumn& metric : columns.metrics) {
      const stats::SourceId numerator = source;
      for (const std::string& column : metric.columns) values_.push_back({Use(column), &metric, false, source++});
      if (!metric.before.empty()) values_.push_back({Use(metric.before), &metric, true, numerator});
    }
  }

  // Of all columns that are used, in the order of their first use.
  const std::vector<std::string>& names() const { return names_; }

  Status Row(std::size_t row, const TableCell& cell) {
    const std::string_view unit = cell(unit_), variant = cell(variant_);
    if (unit.empty() || variant.empty()) {
      return Refuse(row, "has no '" + (unit.empty() ? columns_.unit : columns_.variant) + "'");
    }
    Time time = kNoTime;
    if (time_) {
      const std::optional<Time> read = ReadTableTime(cell(*time_));
      if (!read)
        return Refuse(row, "'" + columns_.time + "' is no time: 2027-03-31T08:00:00Z, 2027-03-31, milliseconds");
      time = *read;
    }
    const auto variant_index = VariantOf(variant);
    if (!variant_index) return Refuse(row, "is of the 101st variant; more than 100 are none");
    if (units_.size() >= kMostTableUnits && !units_.contains(std::string(unit))) {
      return Fail(ErrorCode::kTooLarge, path_ + " has more than " + std::to_string(kMostTableUnits) + " units");
    }
    const auto [at, is_new] = units_.try_emplace(std::string(unit));
    Unit& of = at->second;
    if (cluster_) {
      if (Status put = PutIntoCluster(row, unit, cell(*cluster_), *variant_index, is_new, of); !put) return put;
    }
    stats::FirstExposure exposure{*variant_index, time, {}};
    for (const std::size_t dimension : dimensions_) exposure.dimensions.emplace_back(cell(dimension));
    of.exposures.push_back(std::move(exposure));
    for (std::size_t v = 0; v < values_.size(); ++v) {
      const std::string_view text = cell(values_[v].column);
      if (text.empty()) continue;
      const std::optional<double> value = ReadTableValue(text, values_[v].metric->metric.kind);
      if (!value) {
        return Refuse(row, "'" + names_[values_[v].column] + "' is '" + Shortened(text, 40) + "', which is no " +
                               std::string(WordForValueOf(values_[v].metric->metric.kind)));
      }
      if (IsNothing(*value, values_[v])) continue;
      of.values.push_back({static_cast<std::uint32_t>(v), time, *value});
    }
    return {};
  }

  Result<TableFacts> Finish(const TableOptions& options) {
    Result<stats::ExperimentPlan> plan = MakePlan(options);
    if (!plan) return Fail(plan.error());
    const std::vector<std::uint32_t> place = PlacesIn(*plan);
    TableFacts table;
    table.facts.caps = CapsOf(*plan, place);
    table.cluster = columns_.cluster;
    const std::vector<std::size_t> cluster_places = PlaceClusters(*plan, place, table);
    auto totals = std::make_shared<stats::Totals>(*plan);
    stats::Contribution gives;  // one for all: it keeps its memory
    for (const auto& [unit, rows] : units_) {
      const stats::UnitRecord record = RecordOf(*plan, rows, place);
      stats::ContributionOf(*plan, record, stats::HashGroupOf(unit), table.facts.caps, &gives);
      totals->Add(gives);
      if (gives.kind == stats::Contribution::Kind::kUnit) {
        Keep(*plan, gives, cluster_ ? cluster_places[rows.cluster] : 0, table);
      }
    }
    table.facts.plan = *std::move(plan);
    table.facts.totals = std::move(totals);
    return table;
  }

 private:
  struct ValueColumn {
    std::size_t column = 0;
    const MetricColumn* metric = nullptr;
    bool is_before = false;
    stats::SourceId source = 0;
  };
  struct RowValue {
    std::uint32_t source = 0;  // in values_
    Time time{};
    double value = 0;
  };
  struct Unit {
    std::vector<stats::FirstExposure> exposures;
    std::vector<RowValue> values;
    std::uint32_t cluster = 0;  // its number
  };
  struct Cluster {
    std::uint32_t number = 0;   // in the order in which they came
    std::uint32_t variant = 0;  // in variants_
    std::size_t row = 0;        // the first
  };

  std::size_t Use(const std::string& name) {
    const auto known = std::find(names_.begin(), names_.end(), name);
    if (known != names_.end()) return static_cast<std::size_t>(known - names_.begin());
    names_.push_back(name);
    return names_.size() - 1;
  }

  Status Refuse(std::size_t row, const std::string& what) const {
    return Fail(Wrong(path_ + ": row " + std::to_string(row) + " " + what));
  }

  std::optional<std::uint32_t> VariantOf(std::string_view name) {
    const auto known = std::find(variants_.begin(), variants_.end(), name);
    if (known != variants_.end()) return static_cast<std::uint32_t>(known - variants_.begin());
    if (variants_.size() == kMostVariants) return std::nullopt;
    variants_.emplace_back(name);
    return static_cast<std::uint32_t>(variants_.size() - 1);
  }

  // All of a cluster is in one variant, and a unit in one cluster: else neither was assigned as a whole.
  Status PutIntoCluster(std::size_t row, std::string_view unit, std::string_view name, std::uint32_t variant,
                        bool is_new, Unit& of) {
    if (name.empty()) return Refuse(row, "has no '" + columns_.cluster + "'");
    const auto [at, is_first] =
        clusters_.try_emplace(std::string(name), Cluster{static_cast<std::uint32_t>(clusters_.size()), variant, row});
    const Cluster& cluster = at->second;
    if (cluster.variant != variant) {
      return Refuse(row, "has the " + columns_.cluster + " '" + Shortened(name, 40) + "' in '" +
                             Shortened(variants_[variant], 40) + "', and row " + std::to_string(cluster.row) + " in '" +
                             Shortened(variants_[cluster.variant], 40) +
                             "': a cluster is in one variant, with all of its units");
    }
    if (is_first && ++clusters_in_[variant] > stats::kMaxClusters) {
      return Fail(ErrorCode::kTooLarge, path_ + " has more than " + std::to_string(stats::kMaxClusters) + " of '" +
                                            columns_.cluster + "' in '" + Shortened(variants_[variant], 40) +
                                            "': so many are best taken as units");
    }
    if (!is_new && of.cluster != cluster.number) {
      return Refuse(row, "has the unit '" + Shortened(unit, 40) + "' in the " + columns_.cluster + " '" +
                             Shortened(name, 40) + "', and an earlier row in another: a unit is in one cluster");
    }
    of.cluster = cluster.number;
    return {};
  }

  // A conversion that was none is no event, and neither is a count of 0.
  static bool IsNothing(double value, const ValueColumn& column) {
    return value == 0 &&
           (column.metric->metric.kind == MetricKind::kConversion || column.metric->metric.kind == MetricKind::kCount);
  }

  Result<stats::ExperimentPlan> MakePlan(const TableOptions& options) const {
    stats::ExperimentPlan plan;
    plan.experiment = options.experiment;
    plan.variants = variants_;
    std::sort(plan.variants.begin(), plan.variants.end());
    if (plan.variants.size() < 2)
      return Fail(Wrong(path_ + " has fewer than two variants: there is nothing to compare"));
    if (!options.control.empty()) {
      const auto control = std::find(plan.variants.begin(), plan.variants.end(), options.control);
      if (control == plan.variants.end()) {
        return Fail(Wrong(path_ + " has no variant '" + options.control + "', which was to be the control"));
      }
      std::rotate(plan.variants.begin(), control, control + 1);
    }
    for (const auto& [variant, share] : options.weights) {
      if (std::find(variants_.begin(), variants_.end(), variant) == variants_.end()) {
        return Fail(Wrong(path_ + " has no variant '" + variant + "', which was given a weight"));
      }
    }
    for (const std::string& variant : plan.variants) {
      const auto weight = options.weights.find(variant);
      if (!options.weights.empty() && weight == options.weights.end()) {
        return Fail(Wrong("the variant '" + variant + "' was given no weight"));
      }
      plan.weights.push_back(weight == options.weights.end() ? 1.0 / static_cast<double>(plan.variants.size())
                                                             : weight->second);
    }
    plan.started = Time::min();
    for (const auto& [unit, rows] : units_) {
      for (const stats::FirstExposure& exposure : rows.exposures) {
        if (plan.started == Time::min() || exposure.time < plan.started) plan.started = exposure.time;
      }
    }
    plan.dimensions = columns_.dimensions;
    stats::SourceId source = 0;
    for (const MetricColumn& column : columns_.metrics) {
      plan.metrics.push_back(column.metric);
      for (std::size_t i = 0; i < column.columns.size(); ++i) plan.metrics.back().sources.push_back(source++);
    }
    return plan;
  }

  stats::UnitRecord RecordOf(const stats::ExperimentPlan& plan, const Unit& rows,
                             const std::vector<std::uint32_t>& place) const {
    stats::UnitRecord record;
    Time first = Time::max();
    const stats::Iteration iteration(plan.experiment, plan.iteration);
    for (stats::FirstExposure exposure : rows.exposures) {
      exposure.variant = place[exposure.variant];
      first = std::min(first, exposure.time);
      record.AddExposure(iteration, std::move(exposure));
    }
    for (const RowValue& value : rows.values) {
      const ValueColumn& column = values_[value.source];
      const Time time = column.is_before ? first - kBefore : value.time;
      // A count is so many events of 1.
      const bool is_count = column.metric->metric.kind == MetricKind::kCount;
      const auto events = is_count ? static_cast<std::uint32_t>(value.value) : 1u;
      record.AddEvent(column.source, {time, value.value, events});
    }
    return record;
  }

  stats::Caps CapsOf(const stats::ExperimentPlan& plan, const std::vector<std::uint32_t>& place) const {
    std::vector<stats::UnitTotals> totals(plan.metrics.size());
    const bool any = std::any_of(plan.metrics.begin(), plan.metrics.end(),
                                 [](const stats::MetricPlan& metric) { return metric.cap_share.has_value(); });
    if (!any) return {};
    stats::Contribution gives;
    for (const auto& [unit, rows] : units_) {
      stats::ContributionOf(plan, RecordOf(plan, rows, place), stats::HashGroupOf(unit), {}, &gives);
      if (gives.kind != stats::Contribution::Kind::kUnit) continue;
      for (std::size_t m = 0; m < totals.size(); ++m) {
        if (!plan.metrics[m].cap_share || !gives.metrics[m].counted) continue;
        totals[m].y.push_back(gives.metrics[m].y_uncapped);
        totals[m].x.push_back(gives.metrics[m].x);
      }
    }
    return stats::CapsOf(plan, std::move(totals));
  }

  // In the plan, of each variant of variants_.
  std::vector<std::uint32_t> PlacesIn(const stats::ExperimentPlan& plan) const {
    std::vector<std::uint32_t> place;
    for (const std::string& variant : variants_) {
      const auto at = std::find(plan.variants.begin(), plan.variants.end(), variant);
      place.push_back(static_cast<std::uint32_t>(at - plan.variants.begin()));
    }
    return place;
  }

  // Makes room for what is kept of the units. By number of a cluster: its place among those of its variant.
  std::vector<std::size_t> PlaceClusters(const stats::ExperimentPlan& plan, const std::vector<std::uint32_t>& place,
                                         TableFacts& table) const {
    std::vector<std::size_t> places(clusters_.size());
    table.cluster_counts.resize(plan.variants.size());
    for (const auto& [name, cluster] : clusters_) {
      places[cluster.number] = table.cluster_counts[place[cluster.variant]]++;
    }
    table.values.resize(plan.metrics.size());
    for (MetricValues& values : table.values) {
      values.y.resize(plan.variants.size());
      values.x.resize(plan.variants.size());
      for (const std::size_t count : table.cluster_counts) values.clusters.emplace_back(count);
    }
    return places;
  }

  void Keep(const stats::ExperimentPlan& plan, const stats::Contribution& gives, std::size_t cluster,
            TableFacts& table) const {
    for (std::size_t m = 0; m < plan.metrics.size(); ++m) {
      const stats::MetricContribution& of = gives.metrics[m];
      const MetricKind kind = plan.metrics[m].kind;
      if (!of.counted) continue;
      if (cluster_) {
        stats::ClusterTotal& total = table.values[m].clusters[gives.variant][cluster];
        total.numerator += of.y;
        total.denominator += kind == MetricKind::kRatio ? of.d : 1;
        continue;
      }
      const bool is_number = kind == MetricKind::kCount || kind == MetricKind::kSum || kind == MetricKind::kMean;
      const bool has_before = plan.metrics[m].adjust && (is_number || kind == MetricKind::kConversion);
      if (is_number || has_before) table.values[m].y[gives.variant].push_back(of.y);
      if (has_before) table.values[m].x[gives.variant].push_back(of.x);
    }
  }

  const std::string path_;
  const TableColumns& columns_;
  std::vector<std::string> names_;
  std::size_t unit_ = 0, variant_ = 0;
  std::optional<std::size_t> time_;
  std::vector<std::size_t> dimensions_;
  std::optional<std::size_t> cluster_;
  std::vector<ValueColumn> values_;
  std::vector<std::string> variants_;  // in the order in which they came
  std::map<std::string, Unit> units_;  // in order: the same rows in any order give the same bytes
  std::map<std::string, Cluster> clusters_;
  std::map<std::uint32_t, std::size_t> clusters_in_;  // by variant
};

using TableRow = std::function<Status(std::size_t row, const TableCell& cell)>;

Status ReadCsvTable(const std::string& path, const std::vector<std::string>& names, const TableRow& see) {
  std::vector<std::size_t> places;  // of the names in a row
  return ReadCsv(path, [&](std::size_t row, std::vector<std::string>& fields) -> Status {
    if (places.empty()) {
      for (const std::string& name : names) {
        const auto at = std::find(fields.begin(), fields.end(), name);
        if (at == fields.end()) {
          std::string known;
          for (const std::string& field : fields) known += (known.empty() ? "" : ", ") + Shortened(field, 40);
          return Fail(Wrong(path + " has no column '" + name + "'; it has " + known));
        }
        places.push_back(static_cast<std::size_t>(at - fields.begin()));
      }
      return {};
    }
    return see(row, [&](std::size_t column) {
      return places[column] < fields.size() ? std::string_view(fields[places[column]]) : std::string_view();
    });
  });
}

Status ReadJsonTable(const std::string& path, const std::vector<std::string>& names, const TableRow& see) {
  const Result<std::vector<JsonLine>> lines = ReadJsonLines(path);
  if (!lines) return Fail(lines.error());
  std::vector<std::string> cells(names.size());
  for (const JsonLine& line : *lines) {
    if (!line.value.is_object()) {
      return Fail(Wrong(path + ": line " + std::to_string(line.number) + " is no object"));
    }
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const Value* value = line.value.Find(names[c]);
      cells[c] = value == nullptr || value->is_null() ? "" : value->is_string() ? value->AsString() : ToJson(*value);
    }
    Status read = see(line.number, [&](std::size_t column) { return std::string_view(cells[column]); });
    if (!read) return read;
  }
  return {};
}

}  // namespace

Result<TableColumns> ReadColumns(const std::string& exposure, const std::vector<std::string>& metrics) {
  TableColumns columns;
  for (const std::string& part : SplitAt(exposure, ',')) {
    const std::size_t sign = part.find('=');
    const std::string role = part.substr(0, sign);
    const std::string column = sign == std::string::npos ? std::string() : part.substr(sign + 1);
    std::string* const named = role == "unit"      ? &columns.unit
                               : role == "variant" ? &columns.variant
                               : role == "time"    ? &columns.time
                               : role == "cluster" ? &columns.cluster
                                                   : nullptr;
    if (column.empty() || (named == nullptr && role != "dimension")) {
      return Fail(
          Wrong("'" + part + "' is no column of exposures: unit=, variant=, time=, cluster= or dimension=COLUMN"));
    }
    if (named == nullptr) {
      columns.dimensions.push_back(column);
    } else {
      *named = column;
    }
  }
  if (columns.unit.empty() || columns.variant.empty()) {
    return Fail(Wrong("columns of exposures need unit=COLUMN and variant=COLUMN"));
  }
  for (const std::string& text : metrics) {
    Result<MetricColumn> metric = ReadMetric(text);
    if (!metric) return Fail(metric.error());
    if (!columns.cluster.empty() && (metric->metric.kind == MetricKind::kQuantile || !metric->before.empty())) {
      return Fail(Wrong("'" + text + "' does not go with 'cluster=" + columns.cluster +
                        "': a test of clusters has no quantiles, and is not adjusted by what was before"));
    }
    columns.metrics.push_back(*std::move(metric));
  }
  if (columns.metrics.empty()) return Fail(Wrong("there is no metric: COLUMN:KIND, several with commas between them"));
  return columns;
}

Status ReadTable(const std::string& path, const std::vector<std::string>& names, const TableRow& see) {
  return path.ends_with(".jsonl") ? ReadJsonTable(path, names, see) : ReadCsvTable(path, names, see);
}

std::string_view WordForValueOf(MetricKind kind) {
  if (kind == MetricKind::kConversion) return "yes or no";
  return kind == MetricKind::kCount ? "whole number from 0" : "number";
}

std::optional<Time> ReadTableTime(std::string_view text) {
  std::int64_t ms = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), ms);
  const std::int64_t far = std::int64_t{1} << 47;  // some 4 000 years
  if (fault == std::errc() && end == text.data() + text.size()) {
    return -far < ms && ms < far ? std::optional(Time(stats::Milliseconds(ms))) : std::nullopt;
  }
  if (const auto stamp = ParseTimestamp(text)) return Time(stats::Milliseconds(*stamp));
  if (const auto day = ParseDay(text)) return Time(*day);
  return std::nullopt;
}

std::optional<double> ReadTableValue(std::string_view text, MetricKind kind) {
  if (kind == MetricKind::kConversion) {
    std::string word(text);
    std::transform(word.begin(), word.end(), word.begin(),
                   [](char c) { return 'A' <= c && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (word == "true" || word == "yes") return 1;
    if (word == "false" || word == "no") return 0;
  }
  const std::optional<double> number = NumberOf(text);
  if (kind != MetricKind::kCount || !number) return number;
  const bool is_count = *number >= 0 && *number <= kMostCount && *number == std::floor(*number);
  return is_count ? number : std::nullopt;
}

Result<TableFacts> FactsOfTable(const std::string& path, const TableColumns& columns, const TableOptions& options) {
  TableReader reader(path, columns);
  const Status read =
      ReadTable(path, reader.names(), [&](std::size_t row, const TableCell& cell) { return reader.Row(row, cell); });
  if (!read) return Fail(read.error());
  return reader.Finish(options);
}

}  // namespace guidon::cli
