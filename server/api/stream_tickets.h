// Tickets for event streams of browsers, whose EventSource can send no header: what stands in the stream's URL instead
// of a key.
//
//   Ticket ticket = tickets.Issue("4fJ2kQz9wXbT", 17);                     // with a bulk answer
//   Result<StreamTickets::Entry> entry = tickets.Redeem(ticket.text);      // when the stream comes: once
//
//   8d…16 digits….19c3a6f2b10.11.4fJ2kQz9wXbT.…32 digits…
//   id             |           |  key's id     HMAC-SHA-256 of all before it, its first 16 bytes
//                  expires, ms |
//                              revision that the client has seen; all numbers in hex
//
// A ticket opens one stream, within 30 seconds. It says no more than that its bearer may hear when something changes,
// so it may stand where keys may not, in a URL. Nothing is kept of a ticket until it is redeemed: the HMAC's key,
// random for each process, makes that it is ours. After a restart all are void.
//
// How a client comes to the next one. When its stream ends, an EventSource comes again with the same ticket and is
// refused for good; the client then asks for its flags again, with If-None-Match, and takes the URL from that answer.
// A 304 has none, and the client would go on with the old one for ever. So the ETag names the ticket of its answer, and
// IsGone() says whether it is known to be of no use: then the answer is given in full, with a fresh ticket. One that
// was never tried is not gone, even if it is late: a client that only polls gets its 304.
//
// Bounds: of redeemed tickets as many as streams are open or were opened within 30 s; of gone ones the last 16 384, of
// which the oldest is forgotten: its client tries once more in vain, which makes it gone again.
//
// Thread safety: every method may be called from any thread; a Lease may go on any.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/base/mutex.h"
#include "core/base/result.h"
#include "core/model/definitions.h"

namespace guidon {

class StreamTickets {
 public:
  // Milliseconds since 1970.
  explicit StreamTickets(std::function<std::int64_t()> now_ms);

  static constexpr std::int64_t kValidMs = 30'000;
  static constexpr std::size_t kIdSize = 16;

  struct Ticket {
    std::string id;  // 16 hex digits; no secret
    std::string text;
  };
  Ticket Issue(std::string_view key, Revision revision) const;

  // Whose it is, without redeeming it. kUnauthenticated: none of ours, or too late.
  Result<std::string> KeyOf(std::string_view text);

  // The stream that came with a ticket is open for as long as this lives. Goes before the tickets do.
  class Lease {
   public:
    Lease(StreamTickets& tickets, std::string id) : tickets_(tickets), id_(std::move(id)) {}
    ~Lease() { tickets_.Close(id_); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

   private:
    StreamTickets& tickets_;
    const std::string id_;
  };
  struct Entry {
    std::string key;
    Revision revision = 0;
    std::unique_ptr<Lease> lease;
  };
  // kUnauthenticated: none of ours, too late, or redeemed before.
  Result<Entry> Redeem(std::string_view text);

  // The text of that ticket while its stream is open and it is not gone, if it is of that key; else "".
  std::string OpenText(std::string_view id, std::string_view key) const;
  // Whether somebody came with it in vain, or its stream has ended.
  bool IsGone(std::string_view id) const;

 private:
  struct Parsed {
    std::string_view id, key;
    std::int64_t expires_ms = 0;
    Revision revision = 0;
  };
  struct Redeemed {
    std::string text, key;
    std::int64_t expires_ms = 0;
    bool is_open = true;
  };
  static constexpr std::size_t kMostGone = 16'384;

  std::string MacOf(std::string_view text) const;
  Result<Parsed> Read(std::string_view text);
  void Close(const std::string& id);
  void MarkGone(std::string_view id) GUIDON_REQUIRES(mutex_);
  void ForgetExpired(std::int64_t now_ms) GUIDON_REQUIRES(mutex_);

  // Constant after construction.
  const std::function<std::int64_t()> now_ms_;
  const std::string secret_;

  mutable Mutex mutex_;
  std::unordered_map<std::string, Redeemed> redeemed_ GUIDON_GUARDED_BY(mutex_);  // by id
  std::deque<std::pair<std::int64_t, std::string>> expiring_ GUIDON_GUARDED_BY(mutex_);
  std::unordered_set<std::string> gone_ GUIDON_GUARDED_BY(mutex_);
  std::deque<std::string> gone_order_ GUIDON_GUARDED_BY(mutex_);
};

}  // namespace guidon
