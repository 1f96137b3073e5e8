// packaging/Containerfile, followed line by line in a root that debootstrap makes: what it makes serves as the user
// that it names, keeps its data, writes nowhere else, and stops when it is told to.
//
// The root is entered in mount and process namespaces of its own, in which guidond is the first process, as in any
// container: nothing of the machine is mounted over, and whatever ends takes the rest with it. The network is the
// machine's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "core/base/json.h"
#include "tests/support/http.h"
#include "tests/support/process.h"

namespace guidon::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const std::string kSource = GUIDON_SOURCE_DIR;

std::string TextOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::vector<std::string> WordsOf(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

// A test has a Run of its own.
Finished RunCommand(const std::vector<std::string>& command, const std::vector<std::string>& environment = {}) {
  return Run(command, environment);
}

// ["/usr/bin/guidon", "ready"]
std::vector<std::string> ListOf(const std::string& text) {
  const Result<Value> list = ParseJson(text);
  std::vector<std::string> words;
  if (!list || !list->is_array()) throw std::runtime_error("not in the form [\"…\"]: " + text);
  for (const Value& word : list->AsArray()) words.push_back(word.AsString());
  return words;
}

// What the file says. Each instruction stands once; one that this test does not follow is a fault.
struct Containerfile {
  explicit Containerfile(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.empty() || line.starts_with('#')) continue;
      const std::size_t blank = line.find(' ');
      const std::string word = line.substr(0, blank);
      if (!said.emplace(word, line.substr(blank + 1)).second) throw std::runtime_error("twice: " + line);
    }
    for (const std::string& setting : WordsOf(said["ENV"])) {
      environment[setting.substr(0, setting.find('='))] = setting.substr(setting.find('=') + 1);
    }
    for (const auto& [word, unused] : said) {
      if (!kFollowed.contains(word)) throw std::runtime_error("the test does not follow " + word);
    }
    entry = ListOf(said["ENTRYPOINT"]);
    const std::string check = said["HEALTHCHECK"];
    health = ListOf(check.substr(check.find("CMD ") + 4));
  }
  static inline const std::set<std::string> kFollowed = {"FROM",   "COPY", "RUN",        "ENV",         "EXPOSE",
                                                         "VOLUME", "USER", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT"};
  std::map<std::string, std::string> said;
  std::map<std::string, std::string> environment;
  std::vector<std::string> entry, health;
};

// Without a root: what the lines say of each other, and of the script.
TEST(ContainerfileTest, ItsLinesAndTheScriptSayTheSame) {
  const Containerfile file(TextOf(kSource + "/packaging/Containerfile"));
  const std::string script = TextOf(kSource + "/packaging/container/install.sh");
  const auto said = [&](const char* word) { return file.said.at(word); };
  EXPECT_EQ(said("FROM"), "debian:12");
  // The script is copied, with the packages, to where it is run, and is the only step.
  EXPECT_THAT(said("COPY"), HasSubstr("packaging/container/install.sh "));
  EXPECT_EQ(said("RUN"), WordsOf(said("COPY")).back() + "install.sh");
  EXPECT_EQ(access((kSource + "/packaging/container/install.sh").c_str(), X_OK), 0);
  const std::string id = said("USER").substr(0, said("USER").find(':'));
  EXPECT_EQ(said("USER"), id + ":" + id);
  EXPECT_THAT(script, HasSubstr("\nid=" + id + " "));
  EXPECT_EQ(file.environment.at("GUIDON_DATA"), said("VOLUME"));
  EXPECT_THAT(script, HasSubstr("-o guidon -g guidon " + said("VOLUME") + "\n"));
  EXPECT_EQ(file.environment.at("GUIDON_LISTEN"), "0.0.0.0:" + said("EXPOSE"));
  EXPECT_EQ(file.environment.at("GUIDON_SERVER"), "http://127.0.0.1:" + said("EXPOSE"));
  EXPECT_EQ(said("STOPSIGNAL"), "SIGTERM");
  EXPECT_EQ(file.entry, std::vector<std::string>{"/usr/bin/guidond"});
  EXPECT_EQ(file.health, (std::vector<std::string>{"/usr/bin/guidon", "ready"}));
  EXPECT_ANY_THROW(Containerfile("FROM debian:12\nSHELL [\"bash\"]\nENTRYPOINT []\nHEALTHCHECK CMD []\n"));
}

// Enters a root: $1 its folder, $2 what is to be written to but for the data folder ("rw" all, "ro" nothing), $3 USER.
constexpr const char* kEnter = R"(set -e
root=$1 mode=$2 user=$3
shift 3
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
if [ "$mode" = ro ]; then
  mount --bind "$root/var/lib/guidon" "$root/var/lib/guidon"
  mount -o remount,bind,ro "$root"
fi
exec chroot --userspec="$user" "$root" "$@")";

class ContainerTest : public ::testing::Test {
 protected:
  // The whole file, but for what starts with the container.
  static void SetUpTestSuite() {
    const Finished made =
        RunCommand({kSource + "/tests/packaging/container_root.sh", kSource + "/build/container/bookworm"});
    if (made.exit_code == 3) {
      missing_ = made.output.substr(0, made.output.find('\n'));
      return;
    }
    ASSERT_EQ(made.exit_code, 0) << made.output << made.errors;
    MustRun({"rm", "-rf", work_});
    MustRun({"mkdir", "-p", work_ + "/context/packaging"});
    MustRun({"cp", "-a", kSource + "/build/container/bookworm", root_});
    MustRun({"cp", "-a", kSource + "/packaging/container", work_ + "/context/packaging"});
    MustRun({GUIDON_CPACK, "--config", GUIDON_BIN_DIR "/../CPackConfig.cmake", "-D", "CPACK_COMPONENTS_ALL=server;cli",
             "-B", work_ + "/context/build/packages"});
    MustRun({"cp", "/etc/resolv.conf", root_ + "/etc/resolv.conf"});
    std::vector<std::string> copied = WordsOf(file_.said.at("COPY"));
    const std::string into = root_ + copied.back();
    copied.pop_back();
    for (const std::string& from : copied) {
      MustRun({"sh", "-c", "mkdir -p \"$2\" && cd \"$1\" && cp " + from + " \"$2\"", "sh", work_ + "/context", into});
    }
    MustRun(Inside("rw", "0:0", {"/bin/sh", "-c", file_.said.at("RUN")}));
  }
  static void TearDownTestSuite() { RunCommand({"/bin/rm", "-rf", work_}); }
  void SetUp() override {
    if (!missing_.empty()) GTEST_SKIP() << missing_;
  }

  static void MustRun(std::vector<std::string> command) {
    if (command[0].find('/') == std::string::npos) command[0] = "/bin/" + command[0];
    const Finished done = RunCommand(command);
    ASSERT_EQ(done.exit_code, 0) << command[0] << " " << command.back() << "\n" << done.output << done.errors;
  }
  // A command in the root, with the environment of the file and these settings, which take the place of its own.
  static std::vector<std::string> Inside(const std::string& mode, const std::string& user,
                                         const std::vector<std::string>& command,
                                         const std::map<std::string, std::string>& settings = {}) {
    std::map<std::string, std::string> environment = settings;
    environment.insert(file_.environment.begin(), file_.environment.end());
    std::vector<std::string> words = {"/usr/bin/unshare",
                                      "--mount",
                                      "--pid",
                                      "--fork",
                                      "--kill-child",
                                      "/bin/sh",
                                      "-c",
                                      kEnter,
                                      "sh",
                                      root_,
                                      mode,
                                      user,
                                      "/usr/bin/env",
                                      "-i",
                                      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
    for (const auto& [name, value] : environment) words.push_back(name + "=" + value);
    words.insert(words.end(), command.begin(), command.end());
    return words;
  }
  // As the container's user, with nothing to write to but its data.
  static std::vector<std::string> AsUser(const std::vector<std::string>& command,
                                         const std::map<std::string, std::string>& settings = {}) {
    return Inside("ro", file_.said.at("USER"), command, settings);
  }

  static inline const Containerfile file_{TextOf(kSource + "/packaging/Containerfile")};
  static inline const std::string work_ = GUIDON_BIN_DIR "/../container";
  static inline const std::string root_ = work_ + "/root";
  static inline std::string missing_;  // what it takes to make a root, and is not here
};

// The first process of the namespaces that unshare, which is `outer`, made.
pid_t FirstProcessOf(pid_t outer) {
  const std::string number = std::to_string(outer);
  return std::atoi(TextOf("/proc/" + number + "/task/" + number + "/children").c_str());
}

// guidond in its container.
struct Started {
  explicit Started(const std::vector<std::string>& command) : process(command) {
    if (!process.WaitForErrors("msg=listening ")) throw std::runtime_error(process.Errors());
    std::smatch found;
    const std::string log = process.Errors();
    if (std::regex_search(log, found, std::regex("address=127\\.0\\.0\\.1:(\\d+)"))) port = found[1];
  }
  // By STOPSIGNAL, which reaches the first process as `docker stop` sends it.
  std::optional<int> Stop() {
    kill(FirstProcessOf(process.pid()), SIGTERM);
    return process.WaitForExit();
  }
  Process process;
  std::string port;
};

TEST_F(ContainerTest, WhatItMakesServesKeepsItsDataAndStops) {
  struct stat data {};
  ASSERT_EQ(stat((root_ + file_.said.at("VOLUME")).c_str(), &data), 0);
  EXPECT_EQ(std::to_string(data.st_uid) + ":" + std::to_string(data.st_gid), file_.said.at("USER"));
  EXPECT_EQ(data.st_mode & 07777u, 0700u);
  EXPECT_FALSE(fs::exists(root_ + "/tmp/guidon")) << "the packages are in the image twice";
  EXPECT_TRUE(fs::is_empty(root_ + "/var/lib/apt/lists"));

  // As the file has it, without a certificate: not on the network, without being told.
  const Finished in_the_clear = RunCommand(AsUser(file_.entry));
  EXPECT_EQ(in_the_clear.exit_code, 2);
  EXPECT_THAT(in_the_clear.errors, HasSubstr("would send keys and rules in the clear"));

  const std::map<std::string, std::string> loopback = {{"GUIDON_LISTEN", "127.0.0.1:0"}};
  Started first(AsUser(file_.entry, loopback));
  ASSERT_TRUE(first.process.WaitForErrors("key=gdn_adm_")) << first.process.Errors();
  const std::string log = first.process.Errors();
  const std::string key =
      log.substr(log.find("gdn_adm_"), log.find_first_of(" \n\"", log.find("gdn_adm_")) - log.find("gdn_adm_"));
  // From outside.
  const auto guidon = [&](const Started& server, std::vector<std::string> words) {
    words.insert(words.begin(), GUIDON_BIN_DIR "/guidon");
    return RunCommand(std::move(words), {"GUIDON_SERVER=http://127.0.0.1:" + server.port, "GUIDON_KEY=" + key});
  };
  EXPECT_THAT(guidon(first, {"ready"}).output, HasSubstr("ready, at revision "));
  const Finished applied = guidon(first, {"apply", kSource + "/tests/packaging/projects/workspace"});
  EXPECT_EQ(applied.exit_code, 0) << applied.errors;
  const Finished off = guidon(first, {"flag", "off", "payments.v2", "--environment", "production"});
  EXPECT_EQ(off.exit_code, 0) << off.errors;
  const std::string flags = guidon(first, {"flag", "list"}).output;
  EXPECT_THAT(flags, HasSubstr("payments.v2"));
  // From inside.
  const std::map<std::string, std::string> itself = {{"GUIDON_SERVER", "http://127.0.0.1:" + first.port}};
  EXPECT_EQ(RunCommand(AsUser(file_.health, itself)).exit_code, 0);
  EXPECT_EQ(first.Stop(), 0) << first.process.Errors();
  EXPECT_THAT(first.process.Errors(), HasSubstr("msg=stopped"));
  EXPECT_NE(RunCommand(AsUser(file_.health, itself)).exit_code, 0);

  Started second(AsUser(file_.entry, loopback));
  EXPECT_EQ(guidon(second, {"flag", "list"}).output, flags);
  EXPECT_EQ(second.process.Errors().find("gdn_adm_"), std::string::npos) << "another first key";
  EXPECT_EQ(second.Stop(), 0);
}

TEST_F(ContainerTest, ItsUserCanWriteToItsDataAlone) {
  // What is for everybody in any Debian, and not there when the root is read-only.
  const std::set<std::string> of_everybody = {"/tmp", "/var/tmp", "/run/lock"};
  const Finished found =
      RunCommand(Inside("rw", file_.said.at("USER"),
                        {"/usr/bin/find", "/", "-xdev", "(", "-path", "/dev", "-o", "-path", file_.said.at("VOLUME"),
                         ")", "-prune", "-o", "!", "-type", "l", "-writable", "-print"}));
  for (const std::string& path : WordsOf(found.output)) EXPECT_TRUE(of_everybody.contains(path)) << path;
  EXPECT_THAT(WordsOf(found.output), ::testing::Contains("/tmp")) << "it looks at nothing: " << found.errors;
  EXPECT_EQ(RunCommand(AsUser({"/bin/sh", "-c", "echo x >/var/lib/guidon/x && rm /var/lib/guidon/x"})).exit_code, 0);
  EXPECT_NE(RunCommand(AsUser({"/bin/sh", "-c", "echo x >/tmp/x"})).exit_code, 0);
  const Finished who = RunCommand(AsUser({"/usr/bin/id"}));
  EXPECT_THAT(who.output, HasSubstr("(guidon) groups=8400(guidon)"));
}

}  // namespace
}  // namespace guidon::testing
