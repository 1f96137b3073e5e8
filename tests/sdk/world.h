// An environment as a server would send it, and what tests of clients need around it.
//
//   World world;
//   world.Serve("search.ranker", "v2");
//   stream->Send(world.SnapshotEvent());
//   stream->Send(world.Serve("search.ranker", "v3"));      // the change, as an event
//
// Thread safety: one thread at a time; Log any.
#pragma once

#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <guidon/client.h>
#include <guidon/value.h>
#include "core/base/json.h"
#include "core/codec/wire.h"
#include "net/sse.h"
#include "tests/support/scripted_server.h"

namespace guidon::testing {

inline constexpr std::chrono::milliseconds kPatience = ScriptedServer::kPatience;

class World {
 public:
  explicit World(std::string epoch = "epoch-1", Revision revision = 1)
      : header_{"shop", "production", epoch, revision} {}

  // Everyone is served `value`. Each of these takes a revision, and returns the change as an event.
  std::string Serve(std::string_view flag, const Value& value) {
    const std::string_view type = value.is_bool()     ? "boolean"
                                  : value.is_string() ? "string"
                                  : value.is_number() ? "number"
                                                      : "json";
    Object variations;
    if (value.is_bool()) {
      variations = {{"on", true}, {"off", false}};
    } else {
      variations = {{"served", value}};
    }
    const char* served = !value.is_bool() ? "served" : value.AsBool() ? "on" : "off";
    return Put("flag", flag,
               Object{{"flag", flag},
                      {"type", type},
                      {"variations", variations},
                      {"environments", Object{{"production", Object{{"enabled", true}, {"default", served}}}}}});
  }
  std::string Put(std::string_view kind, std::string_view key, const Value& definition) {
    const EncodedEntity entity{std::string(kind), std::string(key),
                               ToJson(Object{{"definition", definition}, {"state", Object()}})};
    records_[{entity.kind, entity.key}] = entity;
    return Change("[" + EntityJson(entity) + "]", "[]");
  }
  std::string Remove(std::string_view kind, std::string_view key) {
    records_.erase({std::string(kind), std::string(key)});
    return Change("[]", "[" + ToJson(Object{{"kind", kind}, {"key", key}}) + "]");
  }
  // Somebody changed another environment.
  void Pass(Revision revisions = 1) { header_.revision += revisions; }

  std::string Document() const { return EncodeSnapshot(header_, Entities()); }
  std::string SnapshotEvent() const { return Event("snapshot", Document()); }
  std::string HeartbeatEvent() const { return HeartbeatEvent(Digest()); }
  std::string HeartbeatEvent(const std::string& digest) const {
    return Event("heartbeat",
                 ToJson(Object{{"revision", static_cast<std::int64_t>(header_.revision)}, {"digest", digest}}));
  }
  std::string Event(std::string_view type, std::string_view data) const {
    std::string text;
    net::AppendSse(text, type, data, Id());
    return text;
  }
  std::string Id() const { return header_.epoch + "-" + std::to_string(header_.revision); }
  std::string Digest() const { return DigestOf(Entities()).ToHex(); }
  Revision revision() const { return header_.revision; }
  SnapshotHeader& header() { return header_; }

 private:
  std::vector<EncodedEntity> Entities() const {
    std::vector<EncodedEntity> entities;
    for (const auto& [name, entity] : records_) entities.push_back(entity);
    return entities;
  }
  static std::string EntityJson(const EncodedEntity& entity) {
    return "{\"kind\":\"" + entity.kind + "\",\"key\":\"" + entity.key + "\",\"record\":" + entity.record + "}";
  }
  std::string Change(const std::string& upserts, const std::string& removals) {
    const Revision from = header_.revision++;
    return Event("change", "{\"from\":" + std::to_string(from) + ",\"to\":" + std::to_string(header_.revision) +
                               ",\"digest\":\"" + Digest() + "\",\"upserts\":" + upserts + ",\"removals\":" + removals +
                               "}");
  }

  SnapshotHeader header_;
  std::map<std::pair<std::string, std::string>, EncodedEntity> records_;
};

// Waits for a condition; false when it still does not hold after kPatience.
template <typename Condition>
bool Eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

class Log {
 public:
  LogSink Sink() {
    return [lines = lines_](LogLevel level, std::string_view message) {
      const std::lock_guard<std::mutex> lock(lines->mutex);
      lines->all.emplace_back(level, message);
    };
  }
  int Count(std::string_view part, LogLevel at_least = LogLevel::kDebug) const {
    const std::lock_guard<std::mutex> lock(lines_->mutex);
    int count = 0;
    for (const auto& [level, line] : lines_->all) {
      if (level >= at_least && line.find(part) != std::string::npos) ++count;
    }
    return count;
  }
  std::string Text() const {
    const std::lock_guard<std::mutex> lock(lines_->mutex);
    std::string text;
    for (const auto& [level, line] : lines_->all) text += line + "\n";
    return text;
  }

 private:
  struct Lines {
    std::mutex mutex;
    std::vector<std::pair<LogLevel, std::string>> all;
  };
  std::shared_ptr<Lines> lines_ = std::make_shared<Lines>();  // a client may outlive the test's body
};

class FilesFolder {
 public:
  FilesFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "guidon-sdk-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~FilesFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  FilesFolder(const FilesFolder&) = delete;
  FilesFolder& operator=(const FilesFolder&) = delete;
  std::string File(const std::string& name) const { return (path_ / name).string(); }
  std::size_t Files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::filesystem::path path_;
};

inline void WriteFile(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}
// As editors and tools do it.
inline void ReplaceFile(const std::string& path, std::string_view text) {
  WriteFile(path + ".new", text);
  std::filesystem::rename(path + ".new", path);
}

// Times that hurry, but for those that are to happen only when a test sets them.
inline ClientConfig ConfigFor(const std::string& server) {
  ClientConfig config;
  config.server = server;
  config.key = "gdn_srv_test";
  config.backoff_first = std::chrono::milliseconds(1);
  config.backoff_most = std::chrono::milliseconds(4);
  config.failures_before_polling = 1'000'000;
  config.unauthorised_recheck = std::chrono::hours(1);
  config.send_events = config.send_status = false;
  return config;
}

// The same for a scripted server, whose certificate is trusted.
inline ClientConfig ConfigFor(const ScriptedServer& server) {
  ClientConfig config = ConfigFor(server.url());
  config.ca_file = server.certificate_file();
  return config;
}

// For tests that hold over plain and over TLS.
inline const auto kBothModes = ::testing::Values(ScriptedServer::Mode::kPlain, ScriptedServer::Mode::kTls);
inline std::string NameOfMode(const ::testing::TestParamInfo<ScriptedServer::Mode>& info) {
  return info.param == ScriptedServer::Mode::kTls ? "Tls" : "Plain";
}

// A server over either, and an environment in which the flag "a" serves 1.
class OverBoth : public ::testing::TestWithParam<ScriptedServer::Mode> {
 protected:
  OverBoth() { world_.Serve("a", 1); }
  ScriptedServer server_{GetParam()};
  World world_;
};

inline bool SendStreamHead(ScriptedServer::Connection& connection) {
  return connection.SendHead(200, {{"Content-Type", "text/event-stream; charset=utf-8"}});
}

// A stream that begins with `events`; nullptr when nobody asks for one.
inline std::unique_ptr<ScriptedServer::Connection> AcceptStream(ScriptedServer& server, std::string_view events = {}) {
  std::unique_ptr<ScriptedServer::Connection> stream = server.Accept();
  if (stream == nullptr || stream->request().target != "/sdk/v1/stream") return nullptr;
  SendStreamHead(*stream);
  stream->Send(events);
  return stream;
}

inline bool WaitForRevision(const Client& client, Revision revision) {
  return Eventually([&] { return client.Status().revision == revision; });
}
inline bool WaitForState(const Client& client, ClientState state) {
  return Eventually([&] { return client.Status().state == state; });
}

}  // namespace guidon::testing
