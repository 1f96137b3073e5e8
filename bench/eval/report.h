// What was measured, as JSON for programs and as a table for people.
//
// Thread safety: plain values and pure functions.
#pragma once

#include <string>
#include <vector>

namespace guidon::bench {

struct Measurement {
  std::string workload;
  std::string access;  // "key" or "handle"
  int threads = 1;
  double ns = 0;         // wall time of the whole program for one evaluation: two threads at full speed halve it
  double allocs = 0;     // for each evaluation
  double murmur_ns = 0;  // of the murmur loop on as many threads in the same run
  double target_ns = 0;  // by handle on one thread; 0: none; of the table only
};

// A list of {"workload","access","threads","ns","allocs","murmur_ns"}, one for each measurement.
std::string ToJson(const std::vector<Measurement>& measurements);

// At most 80 columns.
std::string ToTable(const std::vector<Measurement>& measurements);

// Of a list that is not empty.
double Median(std::vector<double> values);

}  // namespace guidon::bench
