// Counters, gauges and histograms, and their Prometheus text (exposition format 0.0.4).
//
//   Metrics metrics;
//   Counter& requests = metrics.AddCounter("guidon_http_requests_total", "Requests answered", {{"route", "getFlag"}});
//   requests.Add();
//   metrics.AddGauge("guidon_revision", "Newest revision", {}, [&] { return double(feed.head()); });
//
// Metrics are added while the server is put together and live as long as the registry; series of one name share help
// and type.
//
// Thread safety: counting from any thread, without a lock. Adding and rendering take one.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/mutex.h"

namespace guidon {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void Add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Upper bounds of a histogram's buckets, rising; one more takes what is beyond.
inline constexpr double kSeconds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                      0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};
inline constexpr double kSlowSeconds[] = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600};
inline constexpr double kCounts[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

class Histogram {
 public:
  explicit Histogram(std::span<const double> bounds);  // which live for ever
  void Observe(double value);                          // below 0 counts as 0

 private:
  friend class Metrics;
  const std::span<const double> bounds_;
  std::vector<std::atomic<std::uint64_t>> buckets_;
  std::atomic<std::uint64_t> billionths_{0};  // of the sum
};

class Metrics {
 public:
  Counter& AddCounter(const std::string& name, const std::string& help, Labels labels = {}) GUIDON_EXCLUDES(mutex_);
  Histogram& AddHistogram(const std::string& name, const std::string& help, Labels labels = {},
                          std::span<const double> bounds = kSeconds) GUIDON_EXCLUDES(mutex_);
  // Asked while rendering; must be short and must not use the registry. `is_counter`: it never falls.
  void AddGauge(const std::string& name, const std::string& help, Labels labels, std::function<double()> value,
                bool is_counter = false) GUIDON_EXCLUDES(mutex_);
  // A gauge whose series come and go: `values` gives all of them, a bounded number, each with its labels.
  void AddGauges(const std::string& name, const std::string& help,
                 std::function<std::vector<std::pair<Labels, double>>()> values) GUIDON_EXCLUDES(mutex_);

  std::string Render() const GUIDON_EXCLUDES(mutex_);

 private:
  struct Series {
    Labels labels;
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Histogram> histogram;
    std::function<double()> value;
    std::function<std::vector<std::pair<Labels, double>>()> values;
  };
  struct Family {
    std::string help;
    std::string type;
    std::vector<Series> series;
  };
  Series& Add(const std::string& name, const std::string& help, std::string type, Labels labels)
      GUIDON_REQUIRES(mutex_);
  static void RenderHistogram(std::string& out, const std::string& name, const Series& series);

  mutable Mutex mutex_;
  std::map<std::string, Family> families_ GUIDON_GUARDED_BY(mutex_);
};

}  // namespace guidon
