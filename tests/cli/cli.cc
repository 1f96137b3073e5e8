#include "tests/cli/cli.h"

#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/json.h"
#include "tests/support/scripted_server.h"

namespace guidon::testing {

Workspace::Workspace(const std::vector<std::pair<std::string, std::string>>& files) {
  for (const auto& [name, text] : files) Write(name, text);
}

void Workspace::Write(const std::string& file, const std::string& text) const {
  const std::filesystem::path place = folder_ / file;
  std::filesystem::create_directories(place.parent_path());
  std::ofstream(place, std::ios::binary) << text;
}

void Workspace::Remove(const std::string& file) const {
  std::filesystem::remove(folder_ / file);
}

Finished Guidon(std::vector<std::string> arguments, const std::vector<std::string>& environment) {
  arguments.insert(arguments.begin(), GUIDON_BIN_DIR "/guidon");
  return Run(std::move(arguments), environment);
}

Finished GuidonOf(const Guidond& server, std::vector<std::string> arguments) {
  return Guidon(std::move(arguments), {"GUIDON_SERVER=" + server.url(), "GUIDON_KEY=" + server.admin_key()});
}

Finished Asking(std::vector<std::string> arguments, const std::vector<Answer>& answers) {
  ScriptedServer server;
  std::vector<ScriptedServer::Script> scripts;
  for (const Answer& answer : answers) {
    scripts.emplace_back([answer](ScriptedServer::Connection& connection) {
      connection.SendAnswer(answer.status, {{"Content-Type", answer.type}}, answer.body);
    });
  }
  std::future<bool> served = server.Serve(std::move(scripts));
  const Finished done = Guidon(std::move(arguments), {"GUIDON_SERVER=" + server.url(), "GUIDON_KEY=gdn_adm_whatever"});
  EXPECT_TRUE(served.get()) << done.errors;
  return done;
}

std::string OnTerminal(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                       const std::string& typed) {
  int terminal = -1;
  winsize size{};
  size.ws_row = 24;
  size.ws_col = 80;
  const pid_t pid = forkpty(&terminal, nullptr, nullptr, &size);
  if (pid == 0) {
    std::vector<std::string> words = {GUIDON_BIN_DIR "/guidon"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    unsetenv("NO_COLOR");
    setenv("TERM", "xterm", 1);
    for (const std::string& variable : environment) putenv(strdup(variable.c_str()));
    execv(pointers[0], pointers.data());
    _exit(127);
  }
  std::string text;
  char bytes[4096];
  EXPECT_EQ(write(terminal, typed.data(), typed.size()), static_cast<ssize_t>(typed.size()));
  for (ssize_t n; (n = read(terminal, bytes, sizeof bytes)) > 0;) text.append(bytes, static_cast<std::size_t>(n));
  close(terminal);
  waitpid(pid, nullptr, 0);
  return text;
}

Value JsonOf(const Finished& done) {
  const std::vector<Value> lines = JsonLinesOf(done);
  EXPECT_EQ(lines.size(), 1u) << done.output;
  return lines.empty() ? Value() : lines.front();
}

std::vector<Value> JsonLinesOf(const Finished& done) {
  std::vector<Value> lines;
  std::istringstream text(done.output);
  for (std::string line; std::getline(text, line);) {
    Result<Value> value = ParseJson(line);
    EXPECT_TRUE(value) << line;
    if (value) lines.push_back(*std::move(value));
  }
  return lines;
}

std::string TextFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::string ShopFolder() {
  return GUIDON_SOURCE_DIR "/experiments/shop";
}

std::vector<std::pair<std::string, std::string>> SmallShop(const std::string& name) {
  return {{"guidon.yaml", "project: " + name + "\nenvironments: { staging: {}, production: {} }\n"},
          {"flags/new-checkout.yaml",
           "flag: new-checkout\n"
           "type: boolean\n"
           "owner: payments\n"
           "environments:\n"
           "  production:\n"
           "    enabled: true\n"
           "    rules:\n"
           "      - id: eu-ramp\n"
           "        when: { country: DE }\n"
           "        serve: { on: 20%, off: 80% }\n"
           "    default: off\n"},
          {"flags/greeting.yaml",
           "flag: greeting\n"
           "type: string\n"
           "owner: growth\n"
           "variations: { short: Hi, long: Good morning }\n"
           "environments:\n"
           "  production: { enabled: true, off: short, default: long }\n"}};
}

}  // namespace guidon::testing
