// A small HTTP service that pins one revision per request: whatever arrives while a request is answered, all its flags
// come from the same rules.
//
//   GUIDON_SDK_KEY=gdn_srv_… request_server [--port 8080] [--server http://127.0.0.1:8400]
//   curl 'localhost:8080/checkout?user=user-42&country=DE'
//
// Ends on SIGTERM or SIGINT.
#include <guidon/client.h>
#include <httplib.h>
#include <csignal>

#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <thread>

namespace {

std::map<std::string, std::string> ReadArguments(int argc, char** argv) {
  std::map<std::string, std::string> arguments = {{"--port", "8080"}, {"--server", "http://127.0.0.1:8400"}};
  for (int i = 1; i + 1 < argc; i += 2) arguments[argv[i]] = argv[i + 1];
  return arguments;
}

void Checkout(const guidon::Client& client, const httplib::Request& request, httplib::Response& response) {
  guidon::Context user(request.get_param_value("user"));
  user.Set("country", request.get_param_value("country"));

  const guidon::Pin flags = client.Pin();
  const std::string layout = flags.String("checkout.layout", user, "multi");
  const bool new_payments = flags.Bool("payments.v2", user, false);
  response.set_content("layout=" + layout + " payments=" + (new_payments ? "v2" : "v1") +
                           " revision=" + std::to_string(flags.revision()) + "\n",
                       "text/plain");
}

}  // namespace

int main(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const auto arguments = ReadArguments(argc, argv);
  guidon::ClientConfig config;
  config.server = arguments.at("--server");
  config.application = "request-server";
  config.application_version = "1.0";
  if (const char* key = std::getenv("GUIDON_SDK_KEY")) config.key = key;
  guidon::Client client(config);

  httplib::Server server;
  server.Get("/checkout", [&](const httplib::Request& request, httplib::Response& response) {
    Checkout(client, request, response);
  });
  server.Get("/status", [&](const httplib::Request&, httplib::Response& response) {
    const guidon::ClientStatus status = client.Status();
    response.set_content(std::string(ToString(status.state)) + " revision=" + std::to_string(status.revision) + "\n",
                         "text/plain");
  });
  const int wanted = std::atoi(arguments.at("--port").c_str());
  const int port = wanted == 0 ? server.bind_to_any_port("127.0.0.1") : wanted;
  if (wanted != 0 && !server.bind_to_port("127.0.0.1", port)) {
    std::cerr << "cannot listen on port " << port << "\n";
    return 1;
  }
  std::thread listener([&] { server.listen_after_bind(); });
  std::cout << "listening on 127.0.0.1:" << port << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  server.stop();
  listener.join();
}
