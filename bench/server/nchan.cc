#include "bench/server/nchan.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "tests/support/guidond.h"
#include "tests/support/http.h"

namespace guidon::bench {
namespace {

std::string Settings(const std::string& root, const std::string& folder, std::uint16_t port) {
  std::string temporary;
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    temporary += "  " + std::string(kind) + "_temp_path " + folder + "/" + kind + ";\n";
  }
  return "load_module " + std::filesystem::absolute(root).string() +
         "/usr/lib/nginx/modules/ngx_nchan_module.so;\n"
         "daemon off;\n"
         "user root;\n"
         "worker_processes 1;\n"
         "worker_rlimit_nofile 20000;\n"
         "pid " +
         folder +
         "/pid;\n"
         "events { worker_connections 19000; }\n"
         "http {\n"
         "  access_log off;\n" +
         temporary +
         "  server {\n"
         "    listen 127.0.0.1:" +
         std::to_string(port) +
         " backlog=4096;\n"
         "    location /subscribe { nchan_subscriber eventsource; nchan_channel_id shop; }\n"
         "    location /publish { nchan_publisher; nchan_channel_id shop; nchan_message_buffer_length 1; }\n"
         "  }\n"
         "}\n";
}

// The worker of a master; 0 while there is none.
int WorkerOf(int process) {
  const std::string name = "/proc/" + std::to_string(process) + "/task/" + std::to_string(process) + "/children";
  int child = 0;
  std::string program;
  std::ifstream(name) >> child;
  std::ifstream("/proc/" + std::to_string(child) + "/comm") >> program;
  return program == "nginx" ? child : 0;  // not what makes the folder
}

}  // namespace

Nchan::Nchan(const std::string& root) : port_(testing::FixedPort()) {
  const std::string settings = folder_ / "nginx.conf";
  std::ofstream(settings) << Settings(root, folder_.path(), port_);
  // The module makes /var/lib/nginx/body, whatever the settings say: it is let to, where nobody else sees it.
  constexpr const char* kWithAFolder =
      "mount -t tmpfs none /var/lib && mkdir /var/lib/nginx && exec \"$0\" -e stderr -p \"$1\" -c \"$2\"";
  process_ = std::make_unique<testing::Process>(
      std::vector<std::string>{"/usr/bin/unshare", "-m", "/bin/sh", "-c", kWithAFolder,
                               std::filesystem::absolute(root).string() + "/usr/sbin/nginx", folder_.path(), settings});
  testing::Eventually([&] { return !process_->IsRunning() || (worker_ = WorkerOf(process_->pid())) != 0; });
  if (worker_ == 0) throw std::runtime_error("nginx does not start: " + process_->Errors());
}

Nchan::~Nchan() {
  process_->Signal(SIGTERM);
  process_->WaitForExit();
}

std::string Nchan::StreamRequest() const {
  return "GET /subscribe HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
}

void Nchan::Publish(const std::string& event, const std::string& data) const {
  const testing::HttpAnswer answer = testing::HttpCall(
      port_, "POST", "/publish", {.body = data, .type = "text/plain", .headers = {{"X-EventSource-Event", event}}});
  if (answer.status / 100 != 2) throw std::runtime_error("nchan answers " + std::to_string(answer.status));
}

}  // namespace guidon::bench
