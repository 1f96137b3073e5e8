// A transport of the application in the shape that the SDK's own have.
//
// Thread safety: as HttpClient.
#pragma once

#include <guidon/transport.h>

#include <memory>

#include "net/http_client.h"

namespace guidon::internal {

// `transport` may be null. What it throws is a failure.
std::unique_ptr<net::HttpClient> AdaptTransport(std::unique_ptr<Transport> transport);

}  // namespace guidon::internal
