#include "tests/support/guidond.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <random>
#include <stdexcept>
#include <utility>

#include "core/base/json.h"

namespace guidon::testing {

std::uint16_t FixedPort() {
  std::random_device random;
  for (int tries = 0; tries < 1000; ++tries) {
    const auto port = static_cast<std::uint16_t>(20'000 + random() % 12'000);
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    const bool is_free = bind(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    close(probe);
    if (is_free) return port;
  }
  throw std::runtime_error("there is no free port");
}
namespace {

// "127.0.0.1:41213\n" -> 41213; 0 while the file is not there.
std::uint16_t ReadPort(const std::string& file) {
  std::string address;
  std::getline(std::ifstream(file), address);
  std::uint16_t port = 0;
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return 0;
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  return port;
}

// The key that a first start shows, or "".
std::string KeyIn(const std::string& log) {
  const std::size_t begin = log.find("gdn_adm_", log.find("first start"));
  if (begin == std::string::npos) return "";
  return log.substr(begin, log.find_first_of(" \n\"", begin) - begin);
}

}  // namespace

std::string Guidond::Program() {
  return GUIDON_BIN_DIR "/guidond";
}

Guidond::Guidond(GuidondOptions options) : options_(std::move(options)) {
  if (options_.data.empty()) options_.data = folder_ / "data";
  Start();
}

Guidond::~Guidond() = default;

void Guidond::Start() {
  process_.reset();
  const std::string port_file = folder_ / "address";
  std::remove(port_file.c_str());
  std::vector<std::string> command = options_.launcher;
  command.insert(command.end(),
                 {Program(), "--listen", options_.listen, "--data", options_.data, "--port-file", port_file});
  if (const CertificateFiles* files = options_.certificate) {
    command.insert(command.end(), {"--tls-cert", files->certificate_file(), "--tls-key", files->key_file()});
  }
  command.insert(command.end(), options_.arguments.begin(), options_.arguments.end());
  // Tests kill it more often than any server crashes; one that is about that says its own --crash-limit.
  std::vector<std::string> environment = {"GUIDON_CRASH_LIMIT=0"};
  environment.insert(environment.end(), options_.environment.begin(), options_.environment.end());
  process_ = std::make_unique<Process>(command, environment);
  Eventually([&] { return (port_ = ReadPort(port_file)) != 0 || !process_->IsRunning(); });
  if (port_ == 0) throw std::runtime_error("guidond does not start: " + Log());
  if (admin_key_.empty()) admin_key_ = KeyIn(Log());  // shown before the address is told
}

int Guidond::Stop() {
  process_->Signal(SIGTERM);
  const std::optional<int> code = process_->WaitForExit();
  if (!code) throw std::runtime_error("guidond does not stop: " + Log());
  return *code;
}

void Guidond::Kill() {
  process_->Kill();
}

HttpAnswer Guidond::Call(std::string_view method, std::string_view path, HttpCallOptions options) const {
  if (options.key.empty()) options.key = admin_key_;
  if (options_.certificate == nullptr || options.tls != nullptr) return HttpCall(port_, method, path, options);
  const TlsClient trusting{.ca_file = options_.certificate->certificate_file()};
  options.tls = &trusting;
  return HttpCall(port_, method, path, options);
}

std::string Guidond::CreateSdkKey(std::string_view project, std::string_view environment) const {
  const std::string body = R"({"kind": "server", "environment": ")" + std::string(environment) + "\"}";
  const HttpAnswer answer = Call("POST", "/api/v1/projects/" + std::string(project) + "/keys", {.body = body});
  const Result<Value> value = ParseJson(answer.body);
  if (answer.status != 201 || !value || value->Find("key") == nullptr) {
    throw std::runtime_error("no key: " + std::to_string(answer.status) + " " + answer.body + answer.fault);
  }
  return value->Find("key")->AsString();
}

std::vector<Value> Guidond::Journal(std::string_view project, std::string_view environment) const {
  const std::string path = "/api/v1/projects/" + std::string(project) + "/environments/" + std::string(environment) +
                           "/events?limit=100&after=";
  std::vector<Value> entries;
  std::string after = "0", more = "true";
  while (more == "true") {
    const HttpAnswer page = Call("GET", path + after);
    if (page.status != 200) {
      throw std::runtime_error("no journal: " + std::to_string(page.status) + " " + page.body + page.fault);
    }
    for (std::size_t begin = 0, end = 0; begin < page.body.size(); begin = end + 1) {
      end = page.body.find('\n', begin);
      Result<Value> entry = ParseJson(page.body.substr(begin, end - begin));
      if (!entry) throw std::runtime_error("an entry of the journal: " + entry.error().message);
      entries.push_back(*std::move(entry));
    }
    after = page.Header("Guidon-After");
    more = page.Header("Guidon-More");
  }
  return entries;
}

}  // namespace guidon::testing
