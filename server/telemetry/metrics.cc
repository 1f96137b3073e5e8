#include "server/telemetry/metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace guidon {
namespace {

std::string Number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char digits[32];
  // As people write small and large numbers of this kind: 0.0001 and not 1e-04.
  const bool is_usual = value == 0 || (std::abs(value) >= 1e-6 && std::abs(value) < 1e15);
  const auto written = std::to_chars(digits, digits + sizeof digits, value,
                                     is_usual ? std::chars_format::fixed : std::chars_format::general);
  return std::string(digits, written.ptr);
}

// `quotes`: those of a label's value; a help text has none.
std::string Escaped(const std::string& text, bool quotes = true) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || (c == '"' && quotes)) out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

// {a="1",b="2"}; nothing without labels.
std::string LabelText(const Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) text += (text.empty() ? "{" : ",") + name + "=\"" + Escaped(value) + "\"";
  return text.empty() ? "" : text + "}";
}

}  // namespace

Histogram::Histogram(std::span<const double> bounds) : bounds_(bounds), buckets_(bounds.size() + 1) {}

void Histogram::Observe(double value) {
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  buckets_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  billionths_.fetch_add(static_cast<std::uint64_t>(std::max(0.0, value) * 1e9), std::memory_order_relaxed);
}

Metrics::Series& Metrics::Add(const std::string& name, const std::string& help, std::string type, Labels labels) {
  Family& family = families_[name];
  family.help = help;
  family.type = std::move(type);
  Series series;
  series.labels = std::move(labels);
  return family.series.emplace_back(std::move(series));
}

Counter& Metrics::AddCounter(const std::string& name, const std::string& help, Labels labels) {
  MutexLock lock(mutex_);
  Series& series = Add(name, help, "counter", std::move(labels));
  series.counter = std::make_unique<Counter>();
  return *series.counter;
}

Histogram& Metrics::AddHistogram(const std::string& name, const std::string& help, Labels labels,
                                 std::span<const double> bounds) {
  MutexLock lock(mutex_);
  Series& series = Add(name, help, "histogram", std::move(labels));
  series.histogram = std::make_unique<Histogram>(bounds);
  return *series.histogram;
}

void Metrics::AddGauge(const std::string& name, const std::string& help, Labels labels, std::function<double()> value,
                       bool is_counter) {
  MutexLock lock(mutex_);
  Add(name, help, is_counter ? "counter" : "gauge", std::move(labels)).value = std::move(value);
}

void Metrics::AddGauges(const std::string& name, const std::string& help,
                        std::function<std::vector<std::pair<Labels, double>>()> values) {
  MutexLock lock(mutex_);
  Add(name, help, "gauge", {}).values = std::move(values);
}

std::string Metrics::Render() const {
  MutexLock lock(mutex_);
  std::string out;
  for (const auto& [name, family] : families_) {
    out += "# HELP " + name + " " + Escaped(family.help, false) + "\n# TYPE " + name + " " + family.type + "\n";
    for (const Series& series : family.series) {
      if (series.histogram) {
        RenderHistogram(out, name, series);
        continue;
      }
      if (series.values) {
        for (const auto& [labels, value] : series.values())
          out += name + LabelText(labels) + " " + Number(value) + "\n";
        continue;
      }
      const double value = series.counter ? static_cast<double>(series.counter->value()) : series.value();
      out += name + LabelText(series.labels) + " " + Number(value) + "\n";
    }
  }
  return out;
}

void Metrics::RenderHistogram(std::string& out, const std::string& name, const Series& series) {
  const Histogram& histogram = *series.histogram;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < histogram.buckets_.size(); ++i) {
    count += histogram.buckets_[i].load(std::memory_order_relaxed);
    Labels labels = series.labels;
    labels.emplace_back("le", i < histogram.bounds_.size() ? Number(histogram.bounds_[i]) : "+Inf");
    out += name + "_bucket" + LabelText(labels) + " " + std::to_string(count) + "\n";
  }
  const double sum = static_cast<double>(histogram.billionths_.load(std::memory_order_relaxed)) / 1e9;
  out += name + "_sum" + LabelText(series.labels) + " " + Number(sum) + "\n";
  out += name + "_count" + LabelText(series.labels) + " " + std::to_string(count) + "\n";
}

}  // namespace guidon
