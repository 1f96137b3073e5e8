// A client of the C interface, and the server that it streams from.
//
//   StreamingCClient c;
//   c.world.Serve("on", true);
//   c.config.without_events = true;
//   ASSERT_TRUE(c.Open());
//   EXPECT_TRUE(guidon_bool(c.client.get(), "on", user, false));
//
// Thread safety: one thread.
#pragma once

#include <guidon.h>

#include <memory>
#include <string>

#include "tests/sdk/world.h"

namespace guidon::testing {

using CClientPtr = std::unique_ptr<guidon_client, void (*)(guidon_client*)>;

struct StreamingCClient {
  StreamingCClient() {
    config.server = url.c_str();
    config.key = "gdn_srv_test";
  }
  // Of `config`; its stream is still to be accepted.
  void Make() { client.reset(guidon_client_new(&config, nullptr)); }
  // Accepts its stream and serves `world`; false when it does not come.
  bool Stream() {
    stream = AcceptStream(server, world.SnapshotEvent());
    return stream != nullptr && guidon_client_wait_ready(client.get(), -1, nullptr) == GUIDON_OK;
  }
  bool Open() {
    Make();
    return Stream();
  }
  // The next request with events, still to be answered; what comes before it is a status. Null when none comes.
  std::unique_ptr<ScriptedServer::Connection> NextEvents() {
    auto asked = server.Accept();
    while (asked != nullptr && asked->request().target != "/sdk/v1/events") {
      asked->SendAnswer(204);
      asked = server.Accept();
    }
    return asked;
  }

  ScriptedServer server;
  World world;
  const std::string url = server.url();
  guidon_config config = GUIDON_CONFIG_INIT;
  CClientPtr client{nullptr, guidon_client_free};
  std::unique_ptr<ScriptedServer::Connection> stream;
};

}  // namespace guidon::testing
