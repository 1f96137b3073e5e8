#include "bench/eval/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/base/json.h"

namespace guidon::bench {
namespace {

// Two decimals: more would be noise.
double Rounded(double value) {
  return std::round(value * 100) / 100;
}

const Measurement* Find(const std::vector<Measurement>& list, const std::string& workload, const std::string& access,
                        int threads) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const Measurement& m) {
    return m.workload == workload && m.access == access && m.threads == threads;
  });
  return found == list.end() ? nullptr : &*found;
}

// "  12.3  1.4x": nanoseconds and the ratio to the murmur loop.
std::string Cell(const Measurement* measured) {
  if (measured == nullptr) return std::string(14, ' ');
  char text[64];
  const double ratio = measured->ns / measured->murmur_ns;
  std::snprintf(text, sizeof text, "%8.1f%5.*fx", measured->ns, ratio < 99.95 ? 1 : 0, ratio);
  return text;
}

// "  12.3": nanoseconds alone.
std::string Plain(const Measurement* measured) {
  if (measured == nullptr) return std::string(8, ' ');
  char text[32];
  std::snprintf(text, sizeof text, "%8.1f", measured->ns);
  return text;
}

std::string Row(const std::vector<Measurement>& list, const std::string& workload) {
  const Measurement* one = Find(list, workload, "handle", 1);
  const Measurement* two = Find(list, workload, "handle", 2);
  char begin[32], target[16] = "", end[32] = "";
  std::snprintf(begin, sizeof begin, "%-18s", workload.c_str());
  std::snprintf(target, sizeof target, "%8s", "");
  if (one != nullptr && one->target_ns > 0) std::snprintf(target, sizeof target, "%8.0f", one->target_ns);
  if (one != nullptr && two != nullptr) std::snprintf(end, sizeof end, "%8.2f", one->ns / two->ns);
  return begin + Cell(Find(list, workload, "key", 1)) + Cell(one) + target + "  " +
         Plain(Find(list, workload, "key", 2)) + Plain(two) + end + "\n";
}

// What x is a multiple of.
std::string MurmurLine(const std::vector<Measurement>& list) {
  std::string text = "\nmurmur loop:";
  for (const int threads : {1, 2}) {
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const Measurement& m) { return m.threads == threads; });
    if (found == list.end()) continue;
    char part[64];
    std::snprintf(part, sizeof part, "%s%.1f ns on %s", threads == 1 ? " " : ", ", found->murmur_ns,
                  threads == 1 ? "one thread" : "two");
    text += part;
  }
  return text + "\n";
}

}  // namespace

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::string ToJson(const std::vector<Measurement>& measurements) {
  Array list;
  for (const Measurement& m : measurements) {
    list.emplace_back(Object{{"workload", Value(m.workload)},
                             {"access", Value(m.access)},
                             {"threads", m.threads},
                             {"ns", Rounded(m.ns)},
                             {"allocs", m.allocs},
                             {"murmur_ns", Rounded(m.murmur_ns)}});
  }
  return ToPrettyJson(Value(std::move(list)));
}

std::string ToTable(const std::vector<Measurement>& measurements) {
  std::string table =
      "                            1 thread                        2 threads\n"
      "                      key           handle    target       key  handle  faster\n";
  std::vector<std::string> names;
  double allocs = 0;
  for (const Measurement& m : measurements) {
    if (std::find(names.begin(), names.end(), m.workload) == names.end()) names.push_back(m.workload);
    allocs = std::max(allocs, m.allocs);
  }
  for (const std::string& name : names) table += Row(measurements, name);
  char line[160];
  std::snprintf(line, sizeof line, "at most %.4g allocations for an evaluation\n", allocs);
  return table + MurmurLine(measurements) + line;
}

}  // namespace guidon::bench
