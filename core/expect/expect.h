// Runs the tests of a workspace: what its flags and experiments answer, held against what is expected of them, and
// which rules no test has seen decide.
//
//   TestRunner runner(definitions, now_ms);
//   for (const FlagTest& test : tests) {
//     const TestOutcome outcome = runner.Run(test);
//     if (!outcome.passed()) Say(outcome.failures);   // "variation is 'off', not 'on'"
//   }
//   for (const DecidingPlace& place : runner.Coverage()) if (!place.is_covered) Say(place);
//
// Evaluates with the evaluator that applications use.
//
// Thread safety: one thread. Cost: each environment is compiled once, at its first test; a case is one evaluation.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/issue.h"
#include "core/model/definitions.h"
#include "core/model/expectation.h"
#include "core/ruleset/ruleset.h"

namespace guidon {

struct Decision;

// A case that got another answer.
struct FailedCase {
  Value given;                           // with the values of the matrix
  std::vector<std::string> differences;  // "variation is 'off', not 'on'": one for each thing that was looked at
  std::vector<std::string> because;      // what led there: "rule old-apps: condition does not hold", …
  Value explained;                       // as the API's `explain` has it (DescribeDecision), for programs
};

inline constexpr std::size_t kMaxFailuresKept = 20;  // of one test; the others are counted

struct TestOutcome {
  std::uint64_t cases = 0;  // 1, or the combinations of the matrix
  std::uint64_t failed = 0;
  std::vector<FailedCase> failures;  // the first of them
  bool passed() const { return failed == 0; }
};

// Somewhere in the targeting of a flag where an answer can be decided.
struct DecidingPlace {
  std::string flag, environment;
  std::string name;  // "rule staff", "rule 3" (which has no id), "targets", "requires payments.v2", "experiment KEY",
                     // "default"
  Path path;         // within the flag's definition; of an experiment on the default: of the `default`
  bool is_covered = false;  // a test's answer was decided here
  bool is_enabled = true;   // the flag is there; where it is not, nothing is decided, and no test can see it
};

class TestRunner {
 public:
  // Of a workspace without errors: with first allocations, as a server that knows nothing yet would give them.
  // `now_ms`: since the epoch; for tests that do not say when.
  TestRunner(const Definitions& definitions, std::int64_t now_ms);

  // Names that are not there (ValidateTests finds them) count as another answer. A test of an experiment is of the
  // experiment as it runs with all of its ramp behind it, whatever its state is: it says whom it takes, not when.
  TestOutcome Run(const FlagTest& test);
  TestOutcome Run(const Experiment& experiment, const ExperimentTest& test);

  // Of all flags that do not answer everybody alike, or would not if they were enabled; by flag in the order of the
  // definitions, then by environment, then by place.
  std::vector<DecidingPlace> Coverage() const;

 private:
  const Ruleset& In(const std::string& environment);
  TestOutcome RunAll(const FlagTest& test, const Ruleset& ruleset, const std::string& flag,
                     const Experiment* experiment);
  void Cover(const std::string& flag, const std::string& environment, const Decision& decision,
             std::int32_t decided_by);

  Definitions definitions_;  // with states
  const std::int64_t now_ms_;
  std::map<std::string, std::shared_ptr<const Ruleset>> rulesets_;                // by environment
  std::map<std::string, std::shared_ptr<const Ruleset>> of_experiments_;          // by experiment, which runs there
  std::map<std::pair<std::string, std::string>, std::set<std::string>> decided_;  // flag, environment: names of places
};

}  // namespace guidon
