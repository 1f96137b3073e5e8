// A workflow of GitHub Actions, run as far as its shell steps go: jobs in the order of `needs`, steps by their `if`,
// expressions, environments, outputs and the summary. What only the service does (`uses`) has to be known here, and is
// noted down. Of expressions: names, texts, ! == != && ||, and the functions of states.
//
// All jobs share one folder: what one keeps, the next has.
//
// Thread safety: one thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <guidon/value.h>
#include "tests/examples/checkout.h"

namespace guidon::testing {

struct JobRun {
  std::string result;              // "success", "failure", "skipped"
  std::string output;              // of all its steps
  std::vector<std::string> steps;  // those that ran: "Gate", "actions/checkout"
};

class GitHubWorkflow {
 public:
  // Of a file in examples/pipelines. What is no workflow is a failure of the test.
  explicit GitHubWorkflow(const std::string& file);

  const Value& value() const { return value_; }
  std::string summary() const { return summary_; }  // of the last run

  // `names`: "vars.GUIDON_SERVER", "github.event_name", …; what is not there is empty, as on GitHub, if it is a secret
  // or a variable, and a failure of the test otherwise. `settings` stand for what `env` of a job says.
  std::map<std::string, JobRun> Run(const Checkout& checkout, const std::map<std::string, std::string>& names,
                                    const std::map<std::string, std::string>& settings = {});

 private:
  Value value_;
  std::string summary_;
};

// Every text of a document with the way to it, "jobs.gate.steps[1].run": for checks of what it refers to.
std::map<std::string, std::string> TextsOf(const Value& document);
// The names in the expressions of a text: "needs.gate.outputs.told".
std::vector<std::string> NamesIn(const std::string& text);

}  // namespace guidon::testing
