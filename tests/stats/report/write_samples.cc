// report_samples FOLDER: every sample as a page, as text and as JSON, to be looked at.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "core/base/json.h"
#include "tests/stats/report/samples.h"

int main(int argc, char** argv) {
  using namespace guidon;
  if (argc != 2) {
    std::cerr << "report_samples FOLDER\n";
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  for (const stats::testing::Sample& sample : stats::testing::Samples()) {
    std::ofstream(folder / (sample.name + ".html")) << stats::ToHtml(sample.report);
    std::ofstream(folder / (sample.name + ".txt")) << stats::ToText(sample.report);
    std::ofstream(folder / (sample.name + ".json")) << ToPrettyJson(stats::ToJson(sample.report));
  }
  return 0;
}
