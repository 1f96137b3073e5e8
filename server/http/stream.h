// What a stream session pulls its bytes from.
//
// Thread safety: all methods of one source are called on one I/O thread, one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace guidon::http {

using Bytes = std::shared_ptr<const std::string>;

// Why a stream's connection was closed.
enum class StreamEnd : std::uint8_t {
  kSource,   // the source had ended, or must
  kClient,   // the other side closed it
  kBroken,   // it was reset, or the other side is not there any more
  kStalled,  // the other side took nothing for ServerOptions::stalled_deadline
  kServer,   // the server's stop did not wait for it any longer
};

class StreamSource {
 public:
  virtual ~StreamSource() = default;

  // The next bytes, or null when there are none at the moment. Called again only when the bytes before were handed to
  // the operating system as a whole, so a slow reader is never ahead of its socket by more than one of these.
  virtual Bytes Next() = 0;

  // True once Next() will never yield again: the connection is closed in good order.
  virtual bool Ended() const = 0;

  // True when not even the rest of the bytes under way may be sent, if the socket does not take it at once.
  virtual bool MustEnd() const { return false; }

  // Once every ServerOptions::tick, before Next() is asked. Heartbeats come from here.
  virtual void OnTick() = 0;

  // The server is stopping; what Next() yields until Ended() is still sent, for as long as the drain lasts.
  virtual void OnShutdown() = 0;

  // The connection is closed; nothing is asked after it.
  virtual void OnClosed(StreamEnd) {}
};

}  // namespace guidon::http
