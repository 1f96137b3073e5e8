// How guidond starts, how it is set up, and how it says that it cannot.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/guidond.h"

namespace guidon::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

int CountOf(const std::string& text, const std::string& word) {
  int count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

// A guidond that ends by itself.
Finished RunServer(std::vector<std::string> arguments, const std::vector<std::string>& environment = {}) {
  arguments.insert(arguments.begin(), Guidond::Program());
  return Run(std::move(arguments), environment);
}

// One that should not start: on a free port, with this data folder.
Finished StartOn(const std::string& data, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"--listen", "127.0.0.1:0", "--data", data});
  return RunServer(std::move(more));
}

// One line on stderr, with what is wrong and what to do; exit code 1.
void ExpectRefused(const Finished& run, const std::vector<std::string>& says) {
  EXPECT_EQ(run.exit_code, 1) << run.errors;
  EXPECT_EQ(run.output, "");
  EXPECT_EQ(CountOf(run.errors, "\n"), 1) << run.errors;
  EXPECT_THAT(run.errors, StartsWith("guidond: "));
  for (const std::string& text : says) EXPECT_THAT(run.errors, HasSubstr(text));
}

// ---- The first key ---------------------------------------------------------------------------------------------

TEST(ServerStartTest, TheFirstStartShowsAnAdminKeyThatWorksAndLaterStartsShowNone) {
  Guidond server;
  ASSERT_THAT(server.admin_key(), StartsWith("gdn_adm_"));
  EXPECT_EQ(CountOf(server.Log(), server.admin_key()), 1);
  EXPECT_EQ(server.Call("GET", "/api/v1/projects").status, 200);
  EXPECT_EQ(server.Stop(), 0);

  server.Start();
  EXPECT_EQ(server.Call("GET", "/api/v1/projects").status, 200);
  EXPECT_EQ(server.Stop(), 0);
  EXPECT_EQ(CountOf(server.Log(), "gdn_"), 0) << server.Log();
}

TEST(ServerStartTest, TheFirstKeyIsShownEvenIfOnlyErrorsAreLogged) {
  const Guidond server({.arguments = {"--log-level", "error"}});
  EXPECT_THAT(server.admin_key(), StartsWith("gdn_adm_"));
}

TEST(ServerStartTest, AServerThatCannotListenShowsNoKey) {
  const Guidond first;
  const TemporaryFolder folder;
  const std::string taken = "127.0.0.1:" + std::to_string(first.port());
  const Finished run = RunServer({"--listen", taken, "--data", folder / "data"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(CountOf(run.errors, "gdn_"), 0) << run.errors;
  // The one that gets the folder to itself does.
  EXPECT_THAT(Guidond({.data = folder / "data"}).admin_key(), StartsWith("gdn_adm_"));
}

// ---- What keeps it from starting -------------------------------------------------------------------------------

TEST(ServerStartTest, APortInUseIsOneLine) {
  const Guidond first;
  const TemporaryFolder folder;
  const std::string taken = "127.0.0.1:" + std::to_string(first.port());
  ExpectRefused(RunServer({"--listen", taken, "--data", folder / "data"}),
                {"cannot listen on " + taken, "choose another port"});
}

TEST(ServerStartTest, ADataFolderThatCannotBeWrittenIsOneLine) {
  const TemporaryFolder folder;
  std::ofstream(folder / "file") << "not a folder";
  ExpectRefused(StartOn(folder / "file"), {folder / "file"});
  ExpectRefused(StartOn(folder / "file/below"), {folder / "file/below", "writable"});
  ExpectRefused(StartOn(folder / "no/such/parent"), {folder / "no/such/parent", "its parent must exist"});
  ExpectRefused(StartOn("/proc/guidon"), {"/proc/guidon"});  // not even root may write there
}

TEST(ServerStartTest, APortFileThatCannotBeWrittenIsAnError) {
  const TemporaryFolder folder;
  const Finished run = StartOn(folder / "data", {"--port-file", folder / "no/address"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.errors, HasSubstr("guidond: cannot write the port-file " + folder / "no/address" + ": No such file"));
}

TEST(ServerStartTest, ADataFolderInUseIsOneLineAndDoesNotDisturbItsOwner) {
  Guidond first;
  ExpectRefused(StartOn(first.data()), {first.data(), "in use by another process"});
  EXPECT_EQ(first.Call("POST", "/api/v1/projects", {.body = R"({"project": "shop"})"}).status, 201);
}

TEST(ServerStartTest, AFolderOfSomebodyElseIsRefusedAndLeftAlone) {
  const TemporaryFolder folder;
  std::ofstream(folder / "thesis.tex") << "years of work";
  ExpectRefused(StartOn(folder.path()), {"'thesis.tex'", "not a store of ours", "choose an empty folder"});
  std::string content;
  std::getline(std::ifstream(folder / "thesis.tex"), content);
  EXPECT_EQ(content, "years of work");
}

// ---- Damage ----------------------------------------------------------------------------------------------------

class DamagedStoreTest : public ::testing::Test {
 protected:
  // A store with some acknowledged writes; the server is gone.
  void SetUp() override {
    Guidond server({.data = data_});
    for (const char* project : {"shop", "search", "mail"}) {
      const std::string body = R"({"project": ")" + std::string(project) + R"(", "environments": {"production": {}}})";
      ASSERT_EQ(server.Call("POST", "/api/v1/projects", {.body = body}).status, 201);
    }
    key_ = server.admin_key();
    ASSERT_EQ(server.Stop(), 0);
  }

  // The files of the database with this ending.
  std::vector<std::string> Files(const std::string& ending) const {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(data_ + "/db")) {
      const std::string path = entry.path();
      if (path.ends_with(ending) && entry.file_size() > 0) files.push_back(path);
    }
    return files;
  }

  static void FlipByte(const std::string& path, std::uintmax_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get() ^ 0x40);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }

  const TemporaryFolder folder_;
  const std::string data_ = folder_ / "data";
  std::string key_;
};

TEST_F(DamagedStoreTest, AFlippedByteInTheLogIsRefused) {
  const auto logs = Files(".log");
  ASSERT_FALSE(logs.empty());
  for (const std::string& log : logs) FlipByte(log, std::filesystem::file_size(log) / 2);
  ExpectRefused(StartOn(data_), {data_, "restore the newest backup"});
  ExpectRefused(StartOn(data_), {data_, "restore the newest backup"});  // and it is not repaired behind one's back
}

TEST_F(DamagedStoreTest, ALogThatLostItsEndIsRefused) {
  const auto logs = Files(".log");
  ASSERT_FALSE(logs.empty());
  for (const std::string& log : logs) std::filesystem::resize_file(log, std::filesystem::file_size(log) - 100);
  ExpectRefused(StartOn(data_), {data_, "restore the newest backup"});
}

TEST_F(DamagedStoreTest, ADatabaseThatIsGoneIsRefused) {
  std::filesystem::remove_all(data_ + "/db");
  ExpectRefused(StartOn(data_), {data_, "restore the newest backup"});
}

TEST_F(DamagedStoreTest, AHeadRecordThatIsGoneOrNonsenseIsRefused) {
  std::filesystem::rename(data_ + "/HEAD", folder_ / "HEAD");
  ExpectRefused(StartOn(data_), {"no HEAD", "restore a backup"});
  std::ofstream(data_ + "/HEAD") << "nonsense";
  ExpectRefused(StartOn(data_), {data_, "restore the newest backup"});
  // The folder as it was starts again, with its data and without a new key.
  std::filesystem::rename(folder_ / "HEAD", data_ + "/HEAD");
  const Guidond server({.data = data_});
  EXPECT_EQ(server.admin_key(), "");
  EXPECT_THAT(server.Call("GET", "/api/v1/projects", {.key = key_}).body, HasSubstr("\"search\""));
}

TEST_F(DamagedStoreTest, TheDatabaseOfAnotherStoreIsRefused) {
  const TemporaryFolder other;
  {
    Guidond server({.data = other / "data"});
    ASSERT_EQ(server.Stop(), 0);
  }
  std::filesystem::remove_all(data_ + "/db");
  std::filesystem::rename(other / "data/db", data_ + "/db");
  ExpectRefused(StartOn(data_), {data_, "restore the newest backup"});
}

// ---- Settings --------------------------------------------------------------------------------------------------

TEST(ServerConfigTest, FileThenEnvironmentThenArgumentsAndTheLaterWins) {
  const TemporaryFolder folder;
  std::ofstream(folder / "guidon.yaml") << "io_threads: 3\nworker_threads: 3\nstop_seconds: 3\n";
  const std::vector<std::string> environment = {"GUIDON_WORKER_THREADS=4", "GUIDON_STOP_SECONDS=4"};
  const Finished run =
      RunServer({"--config", folder / "guidon.yaml", "--stop-seconds", "5", "--print-config"}, environment);
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(run.output, HasSubstr("io_threads: 3\n"));
  EXPECT_THAT(run.output, HasSubstr("worker_threads: 4\n"));
  EXPECT_THAT(run.output, HasSubstr("stop_seconds: 5\n"));
  EXPECT_THAT(run.output, HasSubstr("listen: \"127.0.0.1:8400\"\n"));  // nobody said otherwise
}

TEST(ServerConfigTest, TheFileMayBeNamedByTheEnvironment) {
  const TemporaryFolder folder;
  std::ofstream(folder / "one.yaml") << "io_threads: 5\n";
  std::ofstream(folder / "two.yaml") << "io_threads: 6\n";
  const std::string variable = "GUIDON_CONFIG=" + folder / "one.yaml";
  EXPECT_THAT(RunServer({"--print-config"}, {variable}).output, HasSubstr("io_threads: 5\n"));
  EXPECT_THAT(RunServer({"--config", folder / "two.yaml", "--print-config"}, {variable}).output,
              HasSubstr("io_threads: 6\n"));
}

TEST(ServerConfigTest, WhatIsWrongIsNamedWithItsPlaceAndAHint) {
  const TemporaryFolder folder;
  std::ofstream(folder / "guidon.yaml") << "data: here\nlissen: 127.0.0.1:0\n";
  const Finished file = RunServer({"--config", folder / "guidon.yaml"});
  EXPECT_EQ(file.exit_code, 2);
  EXPECT_EQ(file.errors,
            "guidond: " + folder / "guidon.yaml" + ":2:1: unknown setting 'lissen'; did you mean 'listen'?\n");
  const Finished variable = RunServer({}, {"GUIDON_INIT_SLOTS=none"});
  EXPECT_EQ(variable.exit_code, 2);
  EXPECT_EQ(variable.errors, "guidond: GUIDON_INIT_SLOTS is 'none'; expected a whole number from 1 to 100000\n");
  const Finished misspelt =
      RunServer({"--print-config"}, {"GUIDON_IO_THREDS=3", "GUIDON_SERVER=http://a", "GUIDON_X=1"});
  EXPECT_EQ(misspelt.exit_code, 0);
  EXPECT_EQ(misspelt.errors, "guidond: GUIDON_IO_THREDS is no setting; did you mean 'GUIDON_IO_THREADS'?\n");
  const Finished backup = RunServer({"backup"});
  EXPECT_EQ(backup.exit_code, 2);
  EXPECT_EQ(backup.errors, "guidond: backup needs a verb: verify or restore; `guidond backup --help` says more\n");
  EXPECT_THAT(RunServer({"--io-threads"}).errors,
              AllOf(StartsWith("guidond: --io-threads"), HasSubstr("`guidond --help`")));
  const Finished argument = RunServer({"--lisen", "127.0.0.1:0"});
  EXPECT_EQ(argument.exit_code, 2);
  EXPECT_EQ(argument.errors, "guidond: unknown argument '--lisen'; did you mean '--listen'?\n");
}

TEST(ServerConfigTest, WithoutInsecureItListensOnLoopbackOnly) {
  const TemporaryFolder folder;
  const std::vector<std::string> command = {"--listen", "0.0.0.0:0", "--data", folder / "data"};
  const Finished run = RunServer(command);
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_EQ(CountOf(run.errors, "\n"), 1) << run.errors;
  EXPECT_THAT(run.errors, HasSubstr("--insecure"));
  EXPECT_FALSE(std::filesystem::exists(folder / "data"));

  std::vector<std::string> insecure = command;
  insecure.insert(insecure.begin(), Guidond::Program());
  insecure.push_back("--insecure");
  Process server(insecure);
  EXPECT_TRUE(server.WaitForErrors("msg=listening")) << server.Errors();
  EXPECT_TRUE(server.WaitForErrors("level=warn")) << server.Errors();
  server.Signal(SIGTERM);
  EXPECT_EQ(server.WaitForExit(), 0);
}

// Without TLS does not mean without a key.
TEST(ServerConfigTest, ThePageIsOpenToEverybodyWhereItIsSaidSoAlone) {
  const auto ask = [](std::vector<std::string> arguments) {
    arguments.emplace_back("--insecure");
    Guidond server({.arguments = std::move(arguments), .listen = "0.0.0.0:0"});
    const HttpCallOptions from_afar{.headers = {{"X-Forwarded-For", "192.0.2.1"}}};  // and no key
    return std::to_string(HttpCall(server.port(), "GET", "/", from_afar).status) + "," +
           std::to_string(CountOf(server.Log(), "(open-page)"));
  };
  EXPECT_EQ(ask({}), "403,0");
  EXPECT_EQ(ask({"--open-page"}), "200,1");
}

TEST(ServerConfigTest, AFolderWhereNoBackupsCanBeMadeIsSaidAtTheStart) {
  const TemporaryFolder folder;
  Guidond server({.arguments = {"--backup-folder", folder / "nope"}});
  EXPECT_TRUE(Eventually([&] { return CountOf(server.Log(), "backups cannot be made") == 1; })) << server.Log();
  EXPECT_THAT(server.Log(), HasSubstr(folder / "nope"));
}

TEST(ServerConfigTest, PrintConfigMasksWhatLooksLikeAKey) {
  const std::string key = "gdn_srv_4fJ2kQz9wXbT_8sVnAAAAbbbbCCCCddddEEEEffffGGGGc1Zk0a";
  const Finished run = RunServer({"--print-config", "--data", "/srv/" + key});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.output, HasSubstr("data: \"/srv/gdn_srv_4fJ2kQz9wXbT…\"\n"));
  EXPECT_THAT(run.output, Not(HasSubstr("8sVn")));
}

TEST(ServerConfigTest, ItSaysItsVersionAndItsSettings) {
  const Finished version = RunServer({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(version.output, "guidond " GUIDON_VERSION "\n");
  const Finished help = RunServer({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* line : {"  --listen ADDRESS        Address and port; port 0 takes a free one\n"
                           "                          [127.0.0.1:8400]\n",
                           "  --io-threads N          Threads that read and write sockets, 1 … 256 [2]\n",
                           "  --insecure              Allows other addresses than loopback without TLS\n",
                           "  --config FILE           YAML file of settings; or GUIDON_CONFIG\n", "--print-config"}) {
    EXPECT_THAT(help.output, HasSubstr(line));
  }
  std::istringstream lines(help.output);
  for (std::string line; std::getline(lines, line);) {
    const auto columns = std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; });
    EXPECT_LE(columns, 80) << line;
  }
}

TEST(ServerConfigTest, ItTakesAsManyOpenFilesAsItMay) {
  rlimit files{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  const rlim_t soft = files.rlim_cur;
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 64);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);  // inherited
  const Guidond server;
  files.rlim_cur = soft;
  setrlimit(RLIMIT_NOFILE, &files);
  rlimit of_server{};
  ASSERT_EQ(prlimit(const_cast<Guidond&>(server).process().pid(), RLIMIT_NOFILE, nullptr, &of_server), 0);
  EXPECT_EQ(of_server.rlim_cur, of_server.rlim_max);
}

}  // namespace
}  // namespace guidon::testing
