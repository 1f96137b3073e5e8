// A client of the stream, as docs/spec/wire.md demands of one and nothing more: keeps the records as they were sent,
// applies events, and says at once when the server broke a promise. For tests of the feed and of the server.
//
// Thread safety: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "core/codec/wire.h"
#include "net/sse.h"

namespace guidon::testing {

class StreamClient {
 public:
  // Takes bytes of the stream. Returns "" or what the server did wrong.
  std::string Feed(std::string_view bytes);
  // From now on, entities that this version cannot read are no fault: a server of a later version may send them.
  void AcceptUndecodable() { accepts_undecodable_ = true; }
  // Before the bytes of a new connection. What is held stays.
  void Reconnect() { parser_.Reset(); }
  // As if the process had been started anew.
  void Forget() { *this = StreamClient(); }

  // What to send as Last-Event-ID; empty before the first event.
  std::string LastEventId() const { return epoch_.empty() ? "" : epoch_ + "-" + std::to_string(revision_); }
  const std::string& epoch() const { return epoch_; }
  Revision revision() const { return revision_; }
  const std::map<std::pair<std::string, std::string>, std::string>& records() const { return records_; }
  std::string DigestHex() const;
  bool said_goodbye() const { return !goodbye_.empty(); }
  const std::string& goodbye() const { return goodbye_; }
  int snapshots() const { return snapshots_; }
  int changes() const { return changes_; }
  int heartbeats() const { return heartbeats_; }

 private:
  std::string Take(const net::SseEvent& event);
  std::string TakeSnapshot(const net::SseEvent& event);
  std::string TakeChange(const net::SseEvent& event);
  std::string TakeHeartbeat(const net::SseEvent& event);

  bool accepts_undecodable_ = false;
  net::SseParser parser_;
  std::string epoch_;
  Revision revision_ = 0;
  std::map<std::pair<std::string, std::string>, std::string> records_;
  std::string goodbye_;
  int snapshots_ = 0, changes_ = 0, heartbeats_ = 0;
};

}  // namespace guidon::testing
