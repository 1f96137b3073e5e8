#include "tests/examples/checkout.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace guidon::testing {
namespace {

namespace fs = std::filesystem;

std::string TextIn(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

void PutText(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

}  // namespace

Checkout::Checkout() : path_(folder_ / "shop") {
  const char* const path = std::getenv("PATH");
  environment_ = {{"PATH", folder_ / "fakes" + ":" GUIDON_BIN_DIR ":" + (path == nullptr ? "/usr/bin:/bin" : path)},
                  {"HOME", home()},
                  {"TMPDIR", folder_ / "temporary"},
                  {"LC_ALL", "C.UTF-8"},
                  {"GIT_CONFIG_NOSYSTEM", "1"},
                  {"GIT_CONFIG_GLOBAL", "/dev/null"}};
  for (const char* role : {"AUTHOR", "COMMITTER"}) {
    environment_[std::string("GIT_") + role + "_NAME"] = "A Developer";
    environment_[std::string("GIT_") + role + "_EMAIL"] = "developer@books.example";
  }
  for (const char* name : {"fakes", "home", "temporary"}) fs::create_directory(folder_ / name);
  fs::copy(GUIDON_SOURCE_DIR "/examples/ci-gate", path_, fs::copy_options::recursive);
  MustGit({"init", "--quiet", "--initial-branch=main"});
  MustGit({"add", "."});
  MustGit({"commit", "--quiet", "--message=The shop"});
}

void Checkout::Ask(const Guidond& server) {
  Set("GUIDON_SERVER", server.url());
  Set("GUIDON_KEY", server.admin_key());
}

Finished Checkout::Run(const std::vector<std::string>& command, const std::map<std::string, std::string>& more) const {
  std::map<std::string, std::string> all = environment_;
  for (const auto& [name, value] : more) all[name] = value;
  std::vector<std::string> words = {"/usr/bin/env", "--chdir=" + path_, "--ignore-environment"};
  for (const auto& [name, value] : all) words.push_back(name + "=" + value);
  words.insert(words.end(), command.begin(), command.end());
  return guidon::testing::Run(std::move(words));
}

Finished Checkout::Git(std::vector<std::string> words) const {
  words.insert(words.begin(), "git");
  return Run(words);
}

void Checkout::MustGit(std::vector<std::string> words) const {
  const std::string verb = words.at(0);
  const Finished done = Git(std::move(words));
  EXPECT_EQ(done.exit_code, 0) << "git " << verb << ": " << done.output << done.errors;
}

bool Checkout::Has(const std::string& file) const {
  return fs::exists(*this / file);
}

std::string Checkout::Read(const std::string& file) const {
  return TextIn(*this / file);
}

void Checkout::Write(const std::string& file, const std::string& text) const {
  PutText(*this / file, text);
}

void Checkout::Edit(const std::string& file, const std::string& before, const std::string& after) const {
  std::string text = Read(file);
  const std::size_t at = text.find(before);
  ASSERT_NE(at, std::string::npos) << before << " is not in " << file;
  Write(file, text.replace(at, before.size(), after));
}

void Checkout::Remove(const std::string& file) const {
  fs::remove_all(*this / file);
}

void Checkout::Copy(const std::string& pipeline, const std::string& file) const {
  fs::create_directories(fs::path(*this / file).parent_path());
  fs::copy(GUIDON_SOURCE_DIR "/examples/pipelines/" + pipeline, *this / file, fs::copy_options::overwrite_existing);
}

void Checkout::Fake(const std::string& program, const std::string& text) const {
  const std::string file = folder_ / "fakes/" + program;
  PutText(file, text);
  fs::permissions(file, fs::perms::owner_all);
}

Application::Application(const Guidond& server, const std::string& project, const std::string& environment)
    : server_(server),
      project_(project),
      environment_(environment),
      process_({GUIDON_BIN_DIR "/request_server", "--port", "0", "--server", server.url()},
               {"GUIDON_SDK_KEY=" + server.CreateSdkKey(project, environment)}) {}

void Application::LagBehind() {
  const Finished there = Run({GUIDON_BIN_DIR "/guidon", "propagation", "--project", project_, "--environment",
                              environment_, "--settle", "0s", "--wait", "60s"},
                             {"GUIDON_SERVER=" + server_.url(), "GUIDON_KEY=" + server_.admin_key()});
  EXPECT_EQ(there.exit_code, 0) << there.output << there.errors;
  process_.Signal(SIGSTOP);
}

std::string PipelineFile(const std::string& file) {
  return TextIn(GUIDON_SOURCE_DIR "/examples/pipelines/" + file);
}

std::string FaultsOf(const std::vector<std::string>& files, const std::string& shared) {
  std::vector<std::string> words = {GUIDON_PYTHON, GUIDON_SOURCE_DIR "/tests/gate/check_formats.py",
                                    shared.empty() ? GUIDON_SHARED : shared};
  words.insert(words.end(), files.begin(), files.end());
  const Finished done = Run(std::move(words));
  if (done.exit_code == 0) return "";
  constexpr int kWithoutSchemas = 77;
  if (done.exit_code != kWithoutSchemas) return done.output + done.errors;
  // The test goes on: what else it finds makes it fail all the same.
  [] { GTEST_SKIP() << "needs data that is no part of the project: schemas in the folder GUIDON_SHARED"; }();
  return "";
}

}  // namespace guidon::testing
