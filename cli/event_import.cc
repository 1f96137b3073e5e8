#include "cli/event_import.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>
#include <unordered_map>
#include <utility>

#include <openssl/evp.h>

#include "cli/api_client.h"
#include "cli/output.h"
#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/codec/codec.h"
#include "core/codec/wire.h"
#include "core/model/units.h"
#include "net/backoff.h"
#include "stats/statistic/facts_json.h"

namespace guidon::cli {
namespace {

using stats::Milliseconds;
using stats::Time;

// How a file becomes batches is part of their ids' meaning: whoever changes what is below changes this word, or events
// of a run that broke off would count twice.
constexpr std::string_view kLayout = "1";
constexpr std::size_t kBatchEvents = 1'000;
constexpr std::size_t kBatchBytes = 512u << 10;  // no more are added to a batch of so many
constexpr std::size_t kMostUnitBytes = 1'024;    // these two as in docs/spec/events.md
constexpr std::size_t kMostContextBytes = 4'096;
constexpr std::size_t kMostLayoutBytes = 16'000;          // the server takes 16 384
constexpr double kMostCount = 1'000;                      // of a row: each is an event
constexpr Milliseconds kBefore = std::chrono::hours(24);  // before the exposure
constexpr int kMostAttempts = 10;                         // of one batch
constexpr net::BackoffLimits kBackoff{std::chrono::milliseconds(200), std::chrono::seconds(15)};
constexpr Milliseconds kMostAsked = std::chrono::minutes(2);  // a server that asks for more is not waited for

Error Wrong(const std::string& what) {
  return {ErrorCode::kInvalid, what, {}};
}

// ---- What it is imported into
// ----------------------------------------------------------------------------------------

struct Target {
  std::string project, environment;
  Experiment experiment;
  std::int64_t iteration = 0;
  Time started{};
  std::optional<Time> ended;
  std::vector<Metric> metrics;  // by the columns' order
};

Result<ApiAnswer> Get(const EventsOptions& options, const std::string& path) {
  return Ask(options.connection, "GET", path);
}

bool Fits(stats::MetricKind column, MetricType metric) {
  if (column == stats::MetricKind::kConversion)
    return metric == MetricType::kConversion || metric == MetricType::kRetention;
  return stats::ToString(column) == ToString(metric);
}

std::string Listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

// Of a column. A server has its own word on direction, caps and quantiles.
Status CheckColumn(const MetricColumn& column, const Experiment& experiment, const std::string& key) {
  const stats::MetricPlan& metric = column.metric;
  if (metric.lower_is_better || metric.cap_share || metric.cap_value ||
      metric.quantile != stats::MetricPlan().quantile) {
    return Fail(Wrong("'" + metric.key + "': direction, cap and quantile are those of the metric on the server"));
  }
  const std::vector<std::string> known = MetricsOf(experiment);
  if (std::find(known.begin(), known.end(), key) != known.end()) return {};
  return Fail(Wrong("the experiment '" + experiment.key + "' has no metric '" + key + "'; it has " + Listed(known) +
                    ". Write COLUMN:KIND:metric=KEY where the column is named otherwise"));
}

Result<Metric> MetricOf(const MeasuredPlan& measured, const std::string& key) {
  for (const Metric& metric : measured.metrics) {
    if (metric.key == key) return metric;
  }
  return Fail(Wrong("there was no metric '" + key + "' when the iteration began, so it does not measure it"));
}

Result<Metric> MetricIn(const Value& answer) {
  const Result<EntityRecord> record = DecodeRecord(EntityKind::kMetric, answer);
  if (!record) return Fail(record.error());
  return std::get<MetricRecord>(*record).definition;
}

// What was found, or what the verb ends with: it was explained.
struct Found {
  std::optional<Target> target;
  int exit_code = kPass;
};

Found FindTarget(const EventsOptions& options, const TableColumns& columns) {
  const auto failed = [&](int exit_code) { return Found{std::nullopt, exit_code}; };
  const auto wrong = [&](const Error& error) {
    Complain(error, options.json);
    return failed(kUsage);
  };
  Target target;
  const Result<std::string> project = ResolveProject(options.connection, options.project);
  if (!project) return failed(Explain(project.error(), options.json));
  target.project = *project;
  target.environment = options.environment;
  const auto answer = Get(options, ProjectPath(*project) + "/experiments/" + Escape(options.experiment));
  if (!answer) return failed(Explain(answer.error(), options.json));
  if (!answer->ok()) return failed(Explain(*answer, options.json));
  const Result<EntityRecord> record = DecodeRecord(EntityKind::kExperiment, answer->body);
  if (!record) return failed(Explain(record.error(), options.json));
  const auto& [experiment, state] = std::get<ExperimentRecord>(*record);
  target.experiment = experiment;
  if (experiment.environment != options.environment) {
    return wrong(Wrong("the experiment '" + experiment.key + "' is in environment '" + experiment.environment + "'"));
  }
  const ExperimentIteration* iteration = state.CurrentIteration();
  if (iteration == nullptr) {
    return wrong(
        Wrong("the experiment '" + experiment.key + "' was never started: guidon experiment start " + experiment.key));
  }
  if (options.iteration != 0 && options.iteration != iteration->number) {
    return wrong(Wrong("the experiment '" + experiment.key + "' is in iteration " + std::to_string(iteration->number) +
                       ", which alone can be imported into"));
  }
  target.iteration = iteration->number;
  target.started = Time(Milliseconds(iteration->started_ms));
  if (iteration->ended_ms) target.ended = Time(Milliseconds(*iteration->ended_ms));
  // As it is measured, whatever has become of the definitions since it began.
  if (iteration->measured) target.experiment = iteration->measured->experiment;
  for (const MetricColumn& column : columns.metrics) {
    const std::string key = column.server_metric.empty() ? column.metric.key : column.server_metric;
    if (Status fits = CheckColumn(column, target.experiment, key); !fits) return wrong(fits.error());
    const Result<ApiAnswer> held =
        iteration->measured ? ApiAnswer() : Get(options, ProjectPath(*project) + "/metrics/" + Escape(key));
    if (!held) return failed(Explain(held.error(), options.json));
    if (!iteration->measured && !held->ok()) return failed(Explain(*held, options.json));
    const Result<Metric> metric = iteration->measured ? MetricOf(*iteration->measured, key) : MetricIn(held->body);
    if (!metric) return wrong(metric.error());
    if (!Fits(column.metric.kind, metric->type)) {
      return wrong(Wrong("the metric '" + key + "' is of type " + std::string(ToString(metric->type)) + ", and not " +
                         std::string(stats::ToString(column.metric.kind))));
    }
    target.metrics.push_back(*metric);
  }
  return {std::move(target), kPass};
}

// ---- Rows into events
// ------------------------------------------------------------------------------------------------

// A column, as one number of an event.
struct Part {
  std::size_t cell = 0;
  stats::MetricKind kind = stats::MetricKind::kSum;  // kCount: so many events
  std::string attribute;                             // that has the number; "value": the event's own
};

// What is tracked under one name. Columns of several metrics may be numbers of the same events.
struct TrackedEvent {
  std::string name;
  Milliseconds after{0};
  std::vector<Part> parts, before;
};

class Rows {
 public:
  using Emit = std::function<Status(const std::string& event)>;

  Rows(std::string path, const TableColumns& columns, const Target& target, Time now)
      : path_(std::move(path)), columns_(columns), target_(target), now_(now) {
    unit_ = Use(columns.unit);
    variant_ = Use(columns.variant);
    if (!columns.time.empty()) time_ = Use(columns.time);
    for (const std::string& dimension : columns.dimensions) dimensions_.push_back(Use(dimension));
  }

  // Which events the columns are numbers of.
  Status Prepare() {
    for (std::size_t m = 0; m < columns_.metrics.size(); ++m) {
      if (Status added = Add(columns_.metrics[m], target_.metrics[m]); !added) return added;
    }
    for (const TrackedEvent& event : events_) {
      bool counts = false, each = false;
      for (const Part& part : event.parts) {
        counts |= part.kind == stats::MetricKind::kCount;
        each |= part.kind == stats::MetricKind::kMean || part.kind == stats::MetricKind::kQuantile;
      }
      if (counts && each) {
        return Fail(Wrong("one column says how many events '" + event.name +
                          "' there were and another has the value of each: a row has room for one value"));
      }
    }
    for (const std::string& dimension : columns_.dimensions) {
      if (dimension == target_.experiment.unit) {
        return Fail(Wrong("the dimension '" + dimension + "' has the name of the experiment's unit"));
      }
    }
    return {};
  }

  // Every row, checked; the events of each go to `emit`, its exposure first. Twice the same.
  Status Read(const Emit& emit) {
    rows_ = 0;
    return ReadTable(path_, names_, [&](std::size_t row, const TableCell& cell) { return Row(row, cell, emit); });
  }
  // Of each unit the first exposure, for what was before it. Reads the file, where a column asks for it.
  Status FindFirst() {
    const bool any =
        std::any_of(events_.begin(), events_.end(), [](const auto& event) { return !event.before.empty(); });
    if (!any || !time_) return {};
    return ReadTable(path_, names_, [&](std::size_t, const TableCell& cell) -> Status {
      const std::optional<Time> time = ReadTableTime(cell(*time_));
      if (!time) return {};  // Read says so, with the row
      if (first_.size() >= kMostTableUnits) {
        return Fail(ErrorCode::kTooLarge, path_ + " has more than " + std::to_string(kMostTableUnits) + " units");
      }
      const auto [known, is_new] = first_.emplace(std::string(cell(unit_)), *time);
      if (!is_new) known->second = std::min(known->second, *time);
      return {};
    });
  }

  std::size_t rows() const { return rows_; }

 private:
  std::size_t Use(const std::string& name) {
    const auto known = std::find(names_.begin(), names_.end(), name);
    if (known != names_.end()) return static_cast<std::size_t>(known - names_.begin());
    names_.push_back(name);
    return names_.size() - 1;
  }

  Status Add(const MetricColumn& column, const Metric& metric) {
    const Milliseconds after = metric.after.value_or(Milliseconds(0));
    if (metric.type != MetricType::kRatio) {
      Result<TrackedEvent*> event = EventOf({metric.event, metric.value, metric.where}, after, metric.key);
      if (!event) return Fail(event.error());
      return AddParts(column, column.columns[0], {0, column.metric.kind, metric.value}, **event, true);
    }
    for (std::size_t side = 0; side < 2; ++side) {
      const std::optional<MetricPart>& part = side == 0 ? metric.numerator : metric.denominator;
      if (!part) return Fail(Wrong("the ratio '" + metric.key + "' lacks a side"));
      Result<TrackedEvent*> event = EventOf(*part, after, metric.key);
      if (!event) return Fail(event.error());
      const stats::MetricKind kind = part->value.empty() ? stats::MetricKind::kCount : stats::MetricKind::kSum;
      if (Status added = AddParts(column, column.columns[side], {0, kind, part->value}, **event, side == 0); !added) {
        return added;
      }
    }
    return {};
  }

  Result<TrackedEvent*> EventOf(const MetricPart& part, Milliseconds after, const std::string& metric) {
    if (part.where) {
      return Fail(Wrong("the metric '" + metric + "' counts events '" + part.event +
                        "' by a condition on their attributes, which a column does not have"));
    }
    for (TrackedEvent& event : events_) {
      if (event.name != part.event) continue;
      if (event.after == after) return &event;
      return Fail(
          Wrong("the metric '" + metric + "' looks at events '" + part.event + "' at another time than others do"));
    }
    events_.push_back({part.event, after, {}, {}});
    return &events_.back();
  }

  Status AddParts(const MetricColumn& column, const std::string& name, Part part, TrackedEvent& event,
                  bool has_before) {
    const bool known = std::any_of(event.parts.begin(), event.parts.end(), [&](const Part& other) {
      return other.attribute == part.attribute && other.kind == part.kind;
    });
    if (known) {
      return Fail(Wrong("the column '" + name + "' says the same of events '" + event.name + "' as another one"));
    }
    part.cell = Use(name);
    event.parts.push_back(part);
    if (column.before.empty() || !has_before) return {};
    part.cell = Use(column.before);
    event.before.push_back(std::move(part));
    return {};
  }

  Status Refuse(std::size_t row, const std::string& what) const {
    return Fail(Wrong(path_ + ": row " + std::to_string(row) + " " + what));
  }

  Status Row(std::size_t row, const TableCell& cell, const Emit& emit) {
    ++rows_;
    const std::string unit(cell(unit_)), variant(cell(variant_));
    if (unit.empty() || unit.size() > kMostUnitBytes) {
      return Refuse(row, unit.empty() ? "has no '" + columns_.unit + "'"
                                      : "has a '" + columns_.unit + "' of more than 1024 bytes");
    }
    if (Status known = CheckVariant(row, variant); !known) return known;
    Time time = target_.started;
    if (time_) {
      const std::optional<Time> read = ReadTableTime(cell(*time_));
      if (!read) {
        return Refuse(row, "'" + columns_.time + "' is no time: 2027-03-31T08:00:00Z, 2027-03-31, milliseconds");
      }
      time = *read;
      if (Status within = CheckTime(row, time); !within) return within;
    }
    Object context{{target_.experiment.unit, Value(unit)}};
    const Value of_unit{Object(context)};
    for (std::size_t d = 0; d < dimensions_.size(); ++d) {
      if (const std::string_view text = cell(dimensions_[d]); !text.empty()) {
        context.Append(columns_.dimensions[d], Value(text));
      }
    }
    Object exposure{{"type", Value("exposure")},
                    {"time", Value(time.time_since_epoch().count())},
                    {"flag", Value(target_.experiment.flag)},
                    {"experiment", Value(target_.experiment.key)},
                    {"iteration", Value(target_.iteration)},
                    {"variant", Value(variant)},
                    {"role", Value("assigned")},
                    {"unit_attribute", Value(target_.experiment.unit)},
                    {"unit", Value(unit)},
                    {"context", Value(std::move(context))}};
    const std::string text = ToJson(Value(std::move(exposure)));
    if (RawMember(text, "context").size() > kMostContextBytes) {
      return Refuse(row, "has dimensions of more than 4096 bytes");
    }
    if (Status sent = emit(text); !sent) return sent;
    for (const TrackedEvent& event : events_) {
      if (Status sent = Track(row, cell, event, unit, of_unit, time, emit); !sent) return sent;
    }
    return {};
  }

  Status CheckVariant(std::size_t row, const std::string& variant) const {
    std::vector<std::string> known;
    for (const Variant& each : target_.experiment.variants) known.push_back(each.name);
    if (std::find(known.begin(), known.end(), variant) != known.end()) return {};
    if (variant.empty()) return Refuse(row, "has no '" + columns_.variant + "'");
    return Refuse(row, "is of variant '" + Shortened(variant, 40) + "'; the experiment '" + target_.experiment.key +
                           "' has " + Listed(known));
  }

  Status CheckTime(std::size_t row, Time time) const {
    const auto at = [](Time moment) { return FormatTimestamp(moment.time_since_epoch().count()); };
    if (time < target_.started) {
      return Refuse(row, "is of " + at(time) + ", before the iteration began (" + at(target_.started) +
                             "); without time=COLUMN all rows count as of its beginning");
    }
    if (target_.ended && time >= *target_.ended) {
      return Refuse(row, "is of " + at(time) + ", after the iteration ended (" + at(*target_.ended) + ")");
    }
    return time > now_ ? Refuse(row, "is of " + at(time) + ", which is yet to come") : Status();
  }

  std::optional<double> NumberIn(const TableCell& cell, const Part& part, std::string& fault) const {
    const std::string_view text = cell(part.cell);
    if (text.empty()) return std::nullopt;
    const std::optional<double> value = ReadTableValue(text, part.kind);
    const bool is_many = value && part.kind == stats::MetricKind::kCount && *value > kMostCount;
    if (value && !is_many) return value;
    fault = "'" + names_[part.cell] + "' is '" + Shortened(text, 40) + "', which is " +
            (is_many ? "more than the 1000 events that a row can stand for"
                     : "no " + std::string(WordForValueOf(part.kind)));
    return std::nullopt;
  }

  // The numbers of a row as events of one name: so many as a count says, or one when anything says that there was one.
  // The first has the values; of a sum the others have 0.
  Status Track(std::size_t row, const TableCell& cell, const TrackedEvent& event, const std::string& unit,
               const Value& context, Time time, const Emit& emit) const {
    std::optional<double> count;
    bool yes = false, no = false, matters = false;
    std::vector<std::pair<const Part*, double>> values;
    for (const Part& part : event.parts) {
      std::string fault;
      const std::optional<double> value = NumberIn(cell, part, fault);
      if (!fault.empty()) return Refuse(row, fault);
      if (part.kind == stats::MetricKind::kConversion) {
        if (value) (*value != 0 ? yes : no) = true;
      } else if (part.kind == stats::MetricKind::kCount) {
        if (value) count = *value;
      } else if (value) {
        values.emplace_back(&part, *value);
        matters |= *value != 0 || part.kind != stats::MetricKind::kSum;
      } else if (part.kind == stats::MetricKind::kSum) {
        values.emplace_back(&part, 0);
      }
    }
    const double events = count.value_or(yes || matters ? 1 : 0);
    if ((no && events > 0) || (events == 0 && (yes || matters))) {
      return Refuse(row, "contradicts itself: one column says that there was '" + event.name + "', another that not");
    }
    const Time at = time + event.after;
    if (events > 0 && at > now_) {
      return Refuse(row, "has '" + event.name + "' at " + FormatTimestamp(at.time_since_epoch().count()) +
                             ", which is yet to come");
    }
    for (double each = 0; each < events; ++each) {
      if (Status sent = emit(EventText(event.name, at, context, values)); !sent) return sent;
      for (auto& [part, value] : values) value = 0;
    }
    return TrackBefore(row, cell, event, unit, context, time, emit);
  }

  Status TrackBefore(std::size_t row, const TableCell& cell, const TrackedEvent& event, const std::string& unit,
                     const Value& context, Time time, const Emit& emit) const {
    const auto first = first_.find(unit);
    const Time at = (first == first_.end() ? time : first->second) - kBefore;
    for (const Part& part : event.before) {
      std::string fault;
      const std::optional<double> value = NumberIn(cell, part, fault);
      if (!fault.empty()) return Refuse(row, fault);
      const bool counts = part.kind == stats::MetricKind::kCount || part.kind == stats::MetricKind::kConversion;
      if (!value || (counts && *value == 0)) continue;
      const double events = part.kind == stats::MetricKind::kCount ? *value : 1;
      std::vector<std::pair<const Part*, double>> values;
      if (!counts) values.emplace_back(&part, *value);
      for (double each = 0; each < events; ++each) {
        if (Status sent = emit(EventText(event.name, at, context, values)); !sent) return sent;
      }
    }
    return {};
  }

  static std::string EventText(const std::string& name, Time at, const Value& context,
                               const std::vector<std::pair<const Part*, double>>& values) {
    Object event{{"type", Value("track")}, {"time", Value(at.time_since_epoch().count())}, {"event", Value(name)}};
    Object attributes;
    for (const auto& [part, value] : values) {
      (part->attribute == "value" ? event : attributes).Append(part->attribute, Value(value));
    }
    if (!attributes.empty()) event.Append("attributes", Value(std::move(attributes)));
    event.Append("context", context);
    return ToJson(Value(std::move(event)));
  }

  const std::string path_;
  const TableColumns& columns_;
  const Target& target_;
  const Time now_;
  std::vector<std::string> names_;
  std::size_t unit_ = 0, variant_ = 0;
  std::optional<std::size_t> time_;
  std::vector<std::size_t> dimensions_;
  std::vector<TrackedEvent> events_;
  std::unordered_map<std::string, Time> first_;
  std::size_t rows_ = 0;
};

// ---- Sending
// -----------------------------------------------------------------------------------------------------------

Result<std::string> HashOfFile(const std::string& path, const std::string& of) {
  std::ifstream file(path, std::ios::binary);
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> hash(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  bool good = file && hash && EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr) == 1 &&
              EVP_DigestUpdate(hash.get(), of.data(), of.size()) == 1;
  std::vector<char> block(1u << 16);
  while (good && file) {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    good = !file.bad() && EVP_DigestUpdate(hash.get(), block.data(), static_cast<std::size_t>(file.gcount())) == 1;
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (!good || EVP_DigestFinal_ex(hash.get(), digest, &size) != 1) {
    return Fail(ErrorCode::kIo, "cannot read " + path);
  }
  std::string text;
  for (unsigned int i = 0; i < 16; ++i) {
    text.append(1, "0123456789abcdef"[digest[i] >> 4]).append(1, "0123456789abcdef"[digest[i] & 15]);
  }
  return text;
}

// What the server says for now, and nothing else will help but time.
bool IsForNow(const Result<ApiAnswer>& answer) {
  if (!answer) return answer.error().code == ErrorCode::kUnavailable;
  const int status = answer->status;
  return status == 429 || status == 502 || status == 503 || status == 504 || status == 507;
}

class Sender {
 public:
  Sender(const EventsOptions& options, std::string path, std::string id, std::size_t events)
      : options_(options), path_(std::move(path)), id_(std::move(id)), events_(events) {}

  // Nothing: it was taken. Else why not, and the exit code is in `exit_code`.
  Status Add(const std::string& event) {
    if (count_ == kBatchEvents || (count_ > 0 && batch_.size() >= kBatchBytes)) {
      if (Status sent = Flush(); !sent) return sent;
    }
    batch_.append(count_ == 0 ? "" : ",").append(event);
    ++count_;
    return {};
  }

  Status Flush() {
    if (count_ == 0) return {};
    const Result<Value> events = ParseJson("[" + batch_ + "]");
    if (!events) return Fail(events.error());
    const Value body =
        Object{{"schema", Value(1)}, {"batch", Value(id_ + "-" + std::to_string(++number_))}, {"events", *events}};
    const Result<ApiAnswer> answer = AskPatiently("POST", path_ + "/events", body);
    if (!answer || !answer->ok()) return Refused(answer);
    const Value* duplicate = answer->body.Find("duplicate");
    if (duplicate != nullptr && duplicate->AsBool()) known_ += count_;
    sent_ += count_;
    batch_.clear();
    count_ = 0;
    Show();
    return {};
  }

  Status Begin(const Value& body) {
    const Result<ApiAnswer> answer = AskPatiently("PUT", path_, body);
    return answer && answer->ok() ? Status() : Refused(answer);
  }

  std::size_t sent() const { return sent_; }
  std::size_t known() const { return known_; }
  bool refused() const { return refused_; }  // which was explained
  int exit_code() const { return exit_code_; }
  void EndLine() {
    if (shown_) std::cerr << "\n";
    shown_ = false;
  }

 private:
  Result<ApiAnswer> AskPatiently(const std::string& method, const std::string& path, const Value& body) {
    net::Backoff backoff(kBackoff, static_cast<std::uint64_t>(getpid()));
    for (int attempt = 1;; ++attempt) {
      Result<ApiAnswer> answer = Ask(options_.connection, method, path, body);
      if (!IsForNow(answer) || attempt == kMostAttempts) return answer;
      const Milliseconds asked = answer ? answer->retry_after.value_or(Milliseconds(0)) : Milliseconds(0);
      if (asked > kMostAsked) return answer;
      std::this_thread::sleep_for(backoff.Next(asked));
    }
  }

  Status Refused(const Result<ApiAnswer>& answer) {
    EndLine();
    refused_ = true;
    exit_code_ = answer ? Explain(*answer, options_.json) : Explain(answer.error(), options_.json);
    return Fail(ErrorCode::kUnavailable, "it was explained");
  }

  void Show() {
    if (options_.json || isatty(STDERR_FILENO) == 0) return;
    std::cerr << "\r" << sent_ << " of " << events_ << " events (" << 100 * sent_ / std::max<std::size_t>(events_, 1)
              << "%)" << std::flush;
    shown_ = true;
  }

  const EventsOptions& options_;
  const std::string path_, id_;
  const std::size_t events_;
  std::string batch_;
  std::size_t count_ = 0, number_ = 0, sent_ = 0, known_ = 0;
  bool shown_ = false, refused_ = false;
  int exit_code_ = kPass;
};

std::string ColumnsText(const EventsOptions& options) {
  std::string text = options.exposure_columns;
  for (const std::string& metric : options.metric_columns) text += " " + metric;
  return text;
}

void Report(const EventsOptions& options, const Target& target, const std::string& id, std::size_t rows,
            const Sender& sender) {
  if (options.json) {
    return PrintJson(Object{{"import", Value(id)},
                            {"experiment", Value(target.experiment.key)},
                            {"iteration", Value(target.iteration)},
                            {"rows", Value(rows)},
                            {"events", Value(sender.sent())},
                            {"known", Value(sender.known())}});
  }
  std::cout << Plural(rows, "row") << ", " << Plural(sender.sent(), "event") << " into iteration " << target.iteration
            << " of " << Printable(target.experiment.key) << " in " << Printable(target.environment);
  if (sender.known() > 0) {
    std::cout << "; " << (sender.known() == sender.sent() ? "all" : std::to_string(sender.known()))
              << " of them had come before and count once";
  }
  std::cout << "\nto see what they come to, in some seconds: guidon experiment report "
            << Printable(target.experiment.key) << "\n";
}

}  // namespace

int ImportIntoServer(const EventsOptions& options, const TableColumns& columns) {
  const auto wrong = [&](const Error& error) {
    Complain(error, options.json);
    return kUsage;
  };
  if (options.experiment.empty()) return wrong(Wrong("--experiment KEY says into which experiment of the environment"));
  if (!options.control.empty() || !options.weights.empty()) {
    return wrong(Wrong("--control and --weights are the experiment's own on the server"));
  }
  const Found found = FindTarget(options, columns);
  if (!found.target) return found.exit_code;
  const Target& target = *found.target;
  const std::string began = std::to_string(target.started.time_since_epoch().count());
  const std::string of = target.project + "\n" + target.environment + "\n" + target.experiment.key + "\n" +
                         std::to_string(target.iteration) + "\n" + began + "\n";
  const std::string layout = "layout " + std::string(kLayout) + ": " + ColumnsText(options);
  if (layout.size() > kMostLayoutBytes) return wrong(Wrong("the columns take more than 16 000 bytes to name"));
  const Result<std::string> id = HashOfFile(options.file, of);
  if (!id) return wrong(id.error());
  // The server's clock may be ahead of ours: when the iteration began is no time to come.
  const Time now = std::max(std::chrono::floor<Milliseconds>(std::chrono::system_clock::now()), target.started);
  Rows rows(options.file, columns, target, now);
  std::size_t events = 0;
  Status checked = rows.Prepare();
  if (checked) checked = rows.FindFirst();
  if (checked) {
    checked = rows.Read([&events](const std::string&) {
      ++events;
      return Status();
    });
  }
  if (!checked) return wrong(checked.error());
  if (rows.rows() == 0) return wrong(Wrong(options.file + " has no rows"));
  Sender sender(options, EnvironmentPath(target.project, target.environment) + "/imports/" + *id, *id, events);
  Status sent =
      sender.Begin(Object{{"experiment", Value(target.experiment.key)},
                          {"iteration", Value(target.iteration)},
                          {"file", Value(Shortened(std::filesystem::path(options.file).filename().string(), 200))},
                          {"columns", Value(layout)},
                          {"rows", Value(rows.rows())},
                          {"events", Value(events)}});
  if (sent) sent = rows.Read([&sender](const std::string& event) { return sender.Add(event); });
  if (sent) sent = sender.Flush();
  sender.EndLine();
  if (!sent) {
    if (!sender.refused()) Complain(sent.error(), options.json);
    if (sender.sent() > 0) {
      Complain(std::to_string(sender.sent()) + " of " + std::to_string(events) +
               " events are in; the same command goes on, and counts none of them twice");
    }
    return sender.refused() ? sender.exit_code() : kUsage;
  }
  const Result<std::string> after = HashOfFile(options.file, of);
  if (!after || *after != *id) {
    return wrong(Wrong(options.file + " changed while it was sent: what is in the server is a mixture of both"));
  }
  Report(options, target, *id, rows.rows(), sender);
  return kPass;
}

}  // namespace guidon::cli
