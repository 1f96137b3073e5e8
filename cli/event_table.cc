#include "cli/event_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <memory>
#include <utility>

#include "cli/csv.h"
#include "cli/file.h"
#include "core/base/json.h"
#include "core/model/units.h"
#include "stats/statistic/facts_json.h"

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
    for (const MetricColumn& metric : columns.metrics) {
      for (const std::string& column : metric.columns) values_.push_back({Use(column), &metric, false});
      if (!metric.before.empty()) values_.push_back({Use(metric.before), &metric, true});
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
    Unit& of = units_[std::string(unit)];
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

  Result<stats::ExperimentFacts> Finish(const TableOptions& options) {
    Result<stats::ExperimentPlan> plan = MakePlan(options);
    if (!plan) return Fail(plan.error());
    std::vector<std::uint32_t> place(variants_.size());  // in the plan, of each variant
    for (std::size_t v = 0; v < variants_.size(); ++v) {
      const auto at = std::find(plan->variants.begin(), plan->variants.end(), variants_[v]);
      place[v] = static_cast<std::uint32_t>(at - plan->variants.begin());
    }
    stats::ExperimentFacts facts;
    std::vector<std::pair<std::uint8_t, stats::UnitRecord>> records;
    records.reserve(units_.size());
    for (auto& [unit, rows] : units_) {
      records.emplace_back(stats::HashGroupOf(unit), RecordOf(*plan, rows, place));
      rows = {};
    }
    facts.caps = CapsOf(*plan, records);
    auto totals = std::make_shared<stats::Totals>(*plan);
    for (const auto& [group, record] : records) {
      totals->Add(stats::ContributionOf(*plan, record, group, facts.caps));
    }
    facts.plan = *std::move(plan);
    facts.totals = std::move(totals);
    return facts;
  }

 private:
  struct ValueColumn {
    std::size_t column = 0;
    const MetricColumn* metric = nullptr;
    bool is_before = false;
  };
  struct RowValue {
    std::uint32_t source = 0;  // in values_
    Time time{};
    double value = 0;
  };
  struct Unit {
    std::vector<stats::FirstExposure> exposures;
    std::vector<RowValue> values;
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
    for (stats::FirstExposure exposure : rows.exposures) {
      exposure.variant = place[exposure.variant];
      first = std::min(first, exposure.time);
      record.AddExposure({plan.experiment, plan.iteration}, std::move(exposure));
    }
    for (const RowValue& value : rows.values) {
      const stats::SourceId source = SourceOf(value.source);
      const bool is_before = values_[value.source].is_before;
      const bool is_count = values_[value.source].metric->metric.kind == MetricKind::kCount;
      const Time time = is_before ? first - kBefore : value.time;
      if (!is_count) {
        record.AddEvent(source, {time, value.value, 1});
        continue;
      }
      // So many events of 1.
      record.AddEvent(source, {time, value.value, static_cast<std::uint32_t>(value.value)});
    }
    return record;
  }

  // Columns of a metric are its sources; what was before is of the numerator's.
  stats::SourceId SourceOf(std::size_t value) const {
    stats::SourceId source = 0;
    for (std::size_t v = 0; v < value; ++v) source += values_[v].is_before ? 0 : 1;
    if (!values_[value].is_before) return source;
    return source - static_cast<stats::SourceId>(values_[value].metric->columns.size());
  }

  static stats::Caps CapsOf(const stats::ExperimentPlan& plan,
                            const std::vector<std::pair<std::uint8_t, stats::UnitRecord>>& records) {
    std::vector<stats::UnitTotals> totals(plan.metrics.size());
    const bool any = std::any_of(plan.metrics.begin(), plan.metrics.end(),
                                 [](const stats::MetricPlan& metric) { return metric.cap_share.has_value(); });
    if (!any) return {};
    for (const auto& [group, record] : records) {
      const stats::Contribution gives = stats::ContributionOf(plan, record, group, {});
      if (gives.kind != stats::Contribution::Kind::kUnit) continue;
      for (std::size_t m = 0; m < totals.size(); ++m) {
        if (!plan.metrics[m].cap_share || !gives.metrics[m].counted) continue;
        totals[m].y.push_back(gives.metrics[m].y_uncapped);
        totals[m].x.push_back(gives.metrics[m].x);
      }
    }
    return stats::CapsOf(plan, std::move(totals));
  }

  const std::string path_;
  const TableColumns& columns_;
  std::vector<std::string> names_;
  std::size_t unit_ = 0, variant_ = 0;
  std::optional<std::size_t> time_;
  std::vector<std::size_t> dimensions_;
  std::vector<ValueColumn> values_;
  std::vector<std::string> variants_;  // in the order in which they came
  std::map<std::string, Unit> units_;  // in order: the same rows in any order give the same bytes
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
                                                   : nullptr;
    if (column.empty() || (named == nullptr && role != "dimension")) {
      return Fail(Wrong("'" + part + "' is no column of exposures: unit=, variant=, time= or dimension=COLUMN"));
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

Result<stats::ExperimentFacts> FactsOfTable(const std::string& path, const TableColumns& columns,
                                            const TableOptions& options) {
  TableReader reader(path, columns);
  const Status read =
      ReadTable(path, reader.names(), [&](std::size_t row, const TableCell& cell) { return reader.Row(row, cell); });
  if (!read) return Fail(read.error());
  return reader.Finish(options);
}

}  // namespace guidon::cli
