// The benchmark of the server runs to its end, small, and its JSON has every figure that it promises.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "core/base/json.h"
#include "tests/support/process.h"

namespace guidon::bench {
namespace {

using guidon::testing::Finished;
using guidon::testing::TemporaryFolder;

// By name: whether it has a floor.
const std::map<std::string, bool>& Figures() {
  static const std::map<std::string, bool> kFigures = {
      {"fanout_cpu", true},  {"fanout_p99", true},       {"idle_stream_bytes", false}, {"idle_stream_tls_bytes", false},
      {"ofrep_rps", true},   {"not_modified_rps", true}, {"snapshot_rps", true},       {"storm_seconds", true},
      {"stalled_p99", true}, {"restart_seconds", false}, {"ingest_eps", true}};
  return kFigures;
}

bool IsAFigure(const Value* value) {
  return value != nullptr && value->is_number() && std::isfinite(value->AsDouble()) && value->AsDouble() > 0;
}

TEST(ServerBenchTest, ASmallRunGivesEveryFigureAsJson) {
  const TemporaryFolder folder;
  const std::string file = folder / "server.json";
  const Finished run = testing::Run({GUIDON_BIN_DIR "/bench_server", "--streams", "200", "--pairs", "1", "--seconds",
                                     "0.2", "--flags", "200", "--json", file});
  ASSERT_EQ(run.exit_code, 0) << run.output << run.errors;
  std::ifstream in(file);
  const Result<Value> json = ParseJson(std::string(std::istreambuf_iterator<char>(in), {}));
  ASSERT_TRUE(json) << json.error().message;
  ASSERT_TRUE(json->is_array());
  std::set<std::string> seen;
  for (const Value& entry : json->AsArray()) {
    SCOPED_TRACE(ToJson(entry));
    ASSERT_TRUE(entry.Find("name") && entry.Find("name")->is_string());
    const std::string name = entry.Find("name")->AsString();
    EXPECT_TRUE(seen.insert(name).second) << "twice";
    ASSERT_EQ(Figures().count(name), 1u);
    EXPECT_TRUE(IsAFigure(entry.Find("ours")));
    EXPECT_TRUE(entry.Find("unit") && !entry.Find("unit")->AsString().empty());
    for (const char* of_floor : {"floor", "ratio"}) {
      ASSERT_NE(entry.Find(of_floor), nullptr);
      EXPECT_TRUE(Figures().at(name) ? IsAFigure(entry.Find(of_floor)) : entry.Find(of_floor)->is_null());
    }
  }
  EXPECT_EQ(seen.size(), Figures().size());
}

TEST(ServerBenchTest, OneFigureIsMeasuredAlone) {
  const Finished run =
      testing::Run({GUIDON_BIN_DIR "/bench_server", "--only", "not_modified_rps", "--pairs", "1", "--seconds", "0.1"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_NE(run.output.find("not_modified_rps"), std::string::npos);
  for (const auto& [name, has_floor] : Figures()) {
    if (name == "not_modified_rps") continue;
    EXPECT_EQ(run.output.find(name), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace guidon::bench
