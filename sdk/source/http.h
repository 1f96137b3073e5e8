// The requests of a client to its server: how a connection is made, and what every request says of the client. The one
// place of the SDK where they are made.
//
// Thread safety: pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include <guidon/client_config.h>
#include "net/http_client.h"
#include "net/url.h"

namespace guidon::internal {

// The key, what this SDK can compile, and who asks.
net::HttpHeaders HeadersOf(const ClientConfig& config);

// How long an answer may take: the stream lives for as long as the server is not silent, everything else ends.
struct Patience {
  std::chrono::milliseconds silence;        // without a byte from the server
  std::chrono::milliseconds total{60'000};  // of a request with its answer; of the stream until its head is there
};
// Over the application's transport, if it has one; that may throw.
std::unique_ptr<net::HttpClient> MakeHttp(const ClientConfig& config, const net::Url& url, const Patience& patience);

// For backoffs and jitter: another one in each process, also after fork.
std::uint64_t RandomSeed();

}  // namespace guidon::internal
