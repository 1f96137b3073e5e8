// The program `guidon` as people and pipelines run it, and folders of files for it.
//
//   Workspace files({{"guidon.yaml", "project: shop\nenvironments: { production: {} }\n"}});
//   const Finished done = Guidon({"validate", files.path()});
//   EXPECT_EQ(done.exit_code, 0);
//
// Thread safety: one thread.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include <guidon/value.h>
#include "tests/support/guidond.h"
#include "tests/support/process.h"

namespace guidon::testing {

// A folder with these files: {path, text}.
class Workspace {
 public:
  Workspace() = default;
  explicit Workspace(const std::vector<std::pair<std::string, std::string>>& files);
  const std::string& path() const { return folder_.path(); }
  std::string operator/(const std::string& name) const { return folder_ / name; }
  void Write(const std::string& file, const std::string& text) const;
  void Remove(const std::string& file) const;

 private:
  TemporaryFolder folder_;
};

// Runs it without a server, and without variables of ours.
Finished Guidon(std::vector<std::string> arguments, const std::vector<std::string>& environment = {});
// The same, told of a server by GUIDON_SERVER and GUIDON_KEY.
Finished GuidonOf(const Guidond& server, std::vector<std::string> arguments);

struct Answer {
  std::string body;
  std::string type = "application/json";
  int status = 200;
};
// The same, told of a server that gives these answers, one for each request, and expects that all of them are fetched.
Finished Asking(std::vector<std::string> arguments, const std::vector<Answer>& answers);

// What it writes on a terminal of 80 columns, where `typed` is typed and echoed; lines end in "\r\n".
std::string OnTerminal(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {},
                       const std::string& typed = "");

// What stands on standard output, which must be one JSON document on one line, and nothing else.
Value JsonOf(const Finished& done);
// As many lines as there are, each a document.
std::vector<Value> JsonLinesOf(const Finished& done);

std::string TextFile(const std::string& path);
std::string ShopFolder();  // experiments/shop

// A project `name` with one boolean flag `new-checkout`, split 20 to 80 by a rule, and one flag `greeting`.
std::vector<std::pair<std::string, std::string>> SmallShop(const std::string& name);

}  // namespace guidon::testing
