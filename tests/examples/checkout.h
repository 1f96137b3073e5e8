// The example ci-gate as somebody has it who took it over: a git repository of its own, in a folder that goes away.
// What runs there has a clean environment: programs of this build and of the machine, an empty home, and what was set.
//
//   Checkout shop;
//   shop.Set("GUIDON_SERVER", server.url());
//   EXPECT_EQ(shop.Run({"./gate.sh", "production"}).exit_code, 0);
//
// Thread safety: one thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/support/guidond.h"
#include "tests/support/process.h"

namespace guidon::testing {

class Checkout {
 public:
  Checkout();

  void Set(const std::string& name, const std::string& value) { environment_[name] = value; }
  void Ask(const Guidond& server);  // GUIDON_SERVER and the admin key

  // A command of the path, in the folder; `more` beside what was set.
  Finished Run(const std::vector<std::string>& command, const std::map<std::string, std::string>& more = {}) const;
  Finished Git(std::vector<std::string> words) const;
  // git, which has to succeed; a failure of the test otherwise.
  void MustGit(std::vector<std::string> words) const;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& file) const { return path_ + "/" + file; }
  bool Has(const std::string& file) const;
  std::string Read(const std::string& file) const;  // "" when it is not there
  void Write(const std::string& file, const std::string& text) const;
  void Edit(const std::string& file, const std::string& before, const std::string& after) const;
  void Remove(const std::string& file) const;
  // A file of examples/pipelines, copied there.
  void Copy(const std::string& pipeline, const std::string& file) const;

  // A program of this text stands before those of the machine.
  void Fake(const std::string& program, const std::string& text) const;
  std::string home() const { return folder_ / "home"; }

 private:
  TemporaryFolder folder_;
  const std::string path_;
  std::map<std::string, std::string> environment_;
};

// A process with the SDK, which says to the server what it holds, as those of the shop do: request-server 1.0.
class Application {
 public:
  Application(const Guidond& server, const std::string& project, const std::string& environment);

  // It is there for the server, holds what it held, and takes nothing new: the server goes on counting on it.
  void LagBehind();

 private:
  const Guidond& server_;
  const std::string project_, environment_;
  Process process_;
};

// What stands in examples/pipelines.
std::string PipelineFile(const std::string& file);

// What is wrong with files of SARIF (NAME.sarif) and JUnit (NAME.xml) by their schemas; "" when nothing is. Where the
// schemas, which are no part of the project, are not there, the test is one that is skipped, unless it fails elsewhere.
// `shared`: the folder of them; empty: GUIDON_SHARED.
std::string FaultsOf(const std::vector<std::string>& files, const std::string& shared = "");

}  // namespace guidon::testing
