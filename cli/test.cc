// guidon test DIR: what the flags and experiments of a workspace answer, held against what its tests expect.
#include <algorithm>
#include <iostream>

#include "cli/api_client.h"
#include "cli/folder_watch.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/base/json.h"
#include "core/expect/expect.h"
#include "core/model/units.h"
#include "workspace/workspace.h"

namespace guidon::cli {
namespace {

// A test of the tests/ folder, or of an experiment's own.
struct RunTest {
  std::string file;
  SourcePosition at;
  std::string name;  // "flag payments.v2 in production", "experiment checkout-one-page"
  std::string description;
  TestOutcome outcome;
};

struct Covered {
  std::string file;
  SourcePosition at;
  DecidingPlace place;
};

struct Results {
  std::vector<RunTest> tests;
  std::vector<Covered> places;
  std::vector<Covered> not_enabled;  // likewise, of flags that are not; they do not count
  std::uint64_t cases = 0, failed_cases = 0, failed_tests = 0;
  std::size_t covered = 0;
};

bool IsWanted(const TestOptions& options, const RunTest& test) {
  const auto has = [&](const std::string& text) { return text.find(options.filter) != std::string::npos; };
  return has(test.name) || has(test.description) || has(test.file);
}

Results RunAll(const TestOptions& options, const Workspace& workspace, std::int64_t now_ms) {
  Results results;
  TestRunner runner(workspace.definitions, now_ms);
  const auto run = [&](RunTest test, const auto& call) {
    if (!IsWanted(options, test)) return;
    test.outcome = call();
    results.cases += test.outcome.cases;
    results.failed_cases += test.outcome.failed;
    results.failed_tests += test.outcome.passed() ? 0 : 1;
    results.tests.push_back(std::move(test));
  };
  for (const ExperimentRecord& record : workspace.definitions.entities.experiments) {
    const Experiment& experiment = record.definition;
    const Origin& origin = workspace.origins.at({EntityKind::kExperiment, experiment.key});
    for (std::size_t i = 0; i < experiment.tests.size(); ++i) {
      run({origin.file, origin.Of(Path().Key("tests").Index(i)), "experiment " + experiment.key, "", {}},
          [&] { return runner.Run(experiment, experiment.tests[i]); });
    }
  }
  for (std::size_t i = 0; i < workspace.tests.size(); ++i) {
    const FlagTest& test = workspace.tests[i];
    const Origin& origin = workspace.test_origins[i];
    const std::string name =
        test.experiment.empty() ? "flag " + test.flag + " in " + test.environment : "experiment " + test.experiment;
    run({origin.file, origin.Of({}), name, test.description, {}}, [&] { return runner.Run(test); });
  }
  std::stable_sort(results.tests.begin(), results.tests.end(), [](const RunTest& a, const RunTest& b) {
    return std::tie(a.file, a.at.line) < std::tie(b.file, b.at.line);
  });
  for (DecidingPlace& place : runner.Coverage()) {
    const Origin& origin = workspace.origins.at({EntityKind::kFlag, place.flag});
    results.covered += place.is_enabled && place.is_covered ? 1 : 0;
    std::vector<Covered>& places = place.is_enabled ? results.places : results.not_enabled;
    places.push_back({origin.file, origin.Of(place.path), std::move(place)});
  }
  return results;
}

std::string At(const std::string& file, SourcePosition at) {
  return file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

// Rounded down: what is not all is not said to be.
std::uint32_t ShareCovered(const Results& results) {
  if (results.places.empty()) return kWhole;
  return static_cast<std::uint32_t>(std::uint64_t{results.covered} * kWhole / results.places.size());
}

bool IsEnough(const TestOptions& options, const Results& results) {
  return ShareCovered(results) >= options.require_coverage.value_or(0);
}

std::string Counted(std::uint64_t failed, std::size_t all, std::string_view one) {
  return (failed == 0 ? "" : std::to_string(failed) + " of ") + Plural(all, one);
}

void PrintFailure(const RunTest& test) {
  std::cout << At(test.file, test.at) << "  " << Out().Red("failed") << "  " << Printable(test.name);
  if (test.outcome.cases > 1) std::cout << ": " << Counted(test.outcome.failed, test.outcome.cases, "case");
  std::cout << "\n";
  if (!test.description.empty()) std::cout << Wrapped(Printable(test.description), 4) << "\n";
  for (const FailedCase& failure : test.outcome.failures) {
    std::cout << Wrapped("given " + Printable(ToJson(failure.given)), 4) << "\n";
    for (const std::string& difference : failure.differences) {
      std::cout << Wrapped(Out().Bold(Printable(difference)), 6) << "\n";
    }
    for (const std::string& step : failure.because) std::cout << Wrapped(Printable(step), 8) << "\n";
  }
  if (test.outcome.failed > test.outcome.failures.size()) {
    std::cout << "    … and " << test.outcome.failed - test.outcome.failures.size() << " more\n";
  }
}

// In one line where that fits.
void PrintPlace(const Covered& covered) {
  const std::string at = Printable(At(covered.file, covered.at));
  const std::string how = covered.place.is_enabled ? "not covered" : "not enabled";
  const std::string what =
      Printable(covered.place.flag + " in " + covered.place.environment + ": " + covered.place.name);
  const bool fits = Width(at + "  " + how + "  " + what) <= LineWidth();
  std::cout << at << "  " << (covered.place.is_enabled ? Out().Yellow(how) : how)
            << (fits ? "  " + what : "\n" + Wrapped(what, 4)) << "\n";
}

void PrintCoverage(const TestOptions& options, const Results& results) {
  if (options.coverage) {
    for (const Covered& covered : results.places) {
      if (!covered.place.is_covered) PrintPlace(covered);
    }
    for (const Covered& covered : results.not_enabled) PrintPlace(covered);
  }
  std::string summary = IsEnough(options, results) ? "" : Out().Red("too little") + "  ";
  summary += "covered " + std::to_string(results.covered) + " of " + std::to_string(results.places.size()) +
             " places where an answer is decided (" + FormatPercent(ShareCovered(results) / 100 * 100) + ")";
  if (options.require_coverage) summary += "; wanted " + FormatPercent(*options.require_coverage);
  std::cout << Wrapped(summary, 0) << "\n";
  if (results.not_enabled.empty()) return;
  std::cout << "not counted: " << Plural(results.not_enabled.size(), "place") << " where the flag is not enabled\n";
}

Value DescribeTest(const RunTest& test) {
  Array failures;
  for (const FailedCase& failure : test.outcome.failures) {
    Array differences;
    for (const std::string& difference : failure.differences) differences.emplace_back(difference);
    failures.push_back(Object{
        {"given", failure.given}, {"differences", Value(std::move(differences))}, {"explained", failure.explained}});
  }
  Object object{{"file", Value(test.file)},
                {"line", Value(test.at.line)},
                {"column", Value(test.at.column)},
                {"test", Value(test.name)}};
  if (!test.description.empty()) object.Append("description", Value(test.description));
  object.Append("passed", Value(test.outcome.passed()));
  object.Append("cases", Value(test.outcome.cases));
  object.Append("failed_cases", Value(test.outcome.failed));
  object.Append("failures", Value(std::move(failures)));
  return object;
}

void PrintAsJson(const TestOptions& options, const Results& results, bool passed) {
  Array tests;
  for (const RunTest& test : results.tests) tests.push_back(DescribeTest(test));
  Object object{{"passed", Value(passed)},
                {"cases", Value(results.cases)},
                {"failed_cases", Value(results.failed_cases)},
                {"failed_tests", Value(results.failed_tests)},
                {"tests", Value(std::move(tests))}};
  if (options.coverage || options.require_coverage) {
    Array places;
    for (const std::vector<Covered>* list : {&results.places, &results.not_enabled}) {
      for (const Covered& covered : *list) {
        places.push_back(Object{{"flag", Value(covered.place.flag)},
                                {"environment", Value(covered.place.environment)},
                                {"place", Value(covered.place.name)},
                                {"file", Value(covered.file)},
                                {"line", Value(covered.at.line)},
                                {"enabled", Value(covered.place.is_enabled)},
                                {"covered", Value(covered.place.is_covered)}});
      }
    }
    object.Append("coverage", Object{{"covered", Value(results.covered)},
                                     {"of", Value(results.places.size())},
                                     {"places", Value(std::move(places))}});
  }
  PrintJson(object);
}

int RunOnce(const TestOptions& options, std::int64_t now_ms) {
  Result<Workspace> workspace = ReadWorkspace(options.folder);
  if (!workspace) {
    Complain(workspace.error(), options.json);
    return kUsage;
  }
  if (workspace->HasErrors()) {
    if (options.json) {
      PrintJson(Object{{"passed", Value(false)}, {"issues", ToValue(workspace->issues)}});
      return kProblem;
    }
    for (const PlacedIssue& placed : workspace->issues) std::cout << Describe(placed, Out()) << "\n";
    std::cout << Out().Red("not valid") << "  " << options.folder << ": no test was run\n";
    return kProblem;
  }
  const Results results = RunAll(options, *workspace, now_ms);
  if (results.tests.empty() && !options.filter.empty()) {
    Complain({ErrorCode::kNotFound, "no test of " + options.folder + " has '" + options.filter + "' in it", {}},
             options.json);
    return kUsage;
  }
  const bool passed = results.failed_tests == 0 && IsEnough(options, results);
  if (options.json) {
    PrintAsJson(options, results, passed);
    return passed ? kPass : kProblem;
  }
  for (const RunTest& test : results.tests) {
    if (!test.outcome.passed()) PrintFailure(test);
  }
  if (options.coverage || options.require_coverage) PrintCoverage(options, results);
  std::cout << (results.failed_tests == 0 ? Out().Green("passed") : Out().Red("failed")) << "  " << options.folder
            << ": " << Counted(results.failed_tests, results.tests.size(), "test") << ", "
            << Counted(results.failed_cases, results.cases, "case") << "\n";
  return passed ? kPass : kProblem;
}

}  // namespace

int Test(const TestOptions& options) {
  if (!TimeOf(options.now)) {
    return Explain({ErrorCode::kInvalid, "--now is no time such as 2027-03-31T08:00:00Z", {}}, options.json);
  }
  if (!options.watch) return RunOnce(options, *TimeOf(options.now));
  Result<FolderWatch> watch = FolderWatch::Of(options.folder);
  if (!watch) return Explain(watch.error(), options.json);
  for (;;) {
    RunOnce(options, *TimeOf(options.now));
    std::cout.flush();
    if (!std::cout) return kUsage;
    if (const Status changed = watch->Wait(); !changed) return Explain(changed.error(), options.json);
    if (!options.json) std::cout << "\n";
  }
}

}  // namespace guidon::cli
