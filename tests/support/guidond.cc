#include "tests/support/guidond.h"

#include <csignal>

#include <charconv>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "core/base/json.h"

namespace guidon::testing {
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
  std::vector<std::string> command = {Program(),     "--listen",    options_.listen, "--data",
                                      options_.data, "--port-file", port_file};
  command.insert(command.end(), options_.arguments.begin(), options_.arguments.end());
  process_ = std::make_unique<Process>(command, options_.environment);
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

}  // namespace guidon::testing
