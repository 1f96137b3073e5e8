#include "sdk/source/http.h"

#include <exception>
#include <random>
#include <string>
#include <string_view>

#include "sdk/source/transport_client.h"

namespace guidon::internal {
namespace {

constexpr std::string_view kSchemaHeader = "1";

}  // namespace

net::HttpHeaders HeadersOf(const ClientConfig& config) {
  net::HttpHeaders headers = {{"Authorization", "Bearer " + config.key},
                              {"Guidon-Schema", std::string(kSchemaHeader)},
                              {"User-Agent", "guidon-cpp/" GUIDON_VERSION}};
  if (!config.application.empty()) {
    headers.emplace_back("Guidon-Application", config.application + "/" + config.application_version);
  }
  return headers;
}

std::unique_ptr<net::HttpClient> MakeHttp(const ClientConfig& config, const net::Url& url, const Patience& patience) {
  net::HttpOptions options;
  options.connect = config.connect_timeout;
  options.silence = patience.silence;
  options.total = patience.total;
  options.ca_file = config.ca_file;
  options.client_certificate_file = config.client_certificate_file;
  options.client_key_file = config.client_key_file;
  if (!config.transport) return net::MakeHttpClient(url, options);
  return AdaptTransport(
      config.transport({config.server, options.connect, options.silence, options.total, options.max_body_bytes,
                        options.ca_file, options.client_certificate_file, options.client_key_file}));
}

std::uint64_t RandomSeed() {
  try {
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32) ^ device();
  } catch (const std::exception&) {  // the system has none to give
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  }
}

}  // namespace guidon::internal
