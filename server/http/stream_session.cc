// A stream: a socket, a source, and at most one piece of bytes on its way. It tries a non-blocking send first and waits
// for the socket only when that takes no more, so an idle stream holds two small waits and no buffer.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

#include "server/http/io_thread.h"

namespace guidon::http {

class StreamSession : public std::enable_shared_from_this<StreamSession> {
 public:
  StreamSession(IoThread& io, Socket socket, std::shared_ptr<StreamSource> source, std::string head)
      : io_(io),
        socket_(std::move(socket)),
        source_(std::move(source)),
        sending_(std::make_shared<const std::string>(std::move(head))) {
    ++io_.counts->streams;
  }
  ~StreamSession() {
    --io_.counts->streams;
    --io_.counts->connections;
  }

  void Start() {
    boost::system::error_code ignored;
    socket_.raw().non_blocking(true, ignored);
    socket_.raw().set_option(tcp::no_delay(true), ignored);
    // The kernel would queue megabytes for a slow reader; what it does not queue, the reader skips.
    const int unsent = kMostUnsent;
    setsockopt(socket_.raw().native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    // Who is not there any more, and never said so, acknowledges nothing: not even a heartbeat, which every stream
    // gets. The system alone would go on trying for a quarter of an hour.
    const unsigned unacknowledged = kMostUnacknowledgedMs;
    setsockopt(socket_.raw().native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged, sizeof unacknowledged);
    if (socket_.HasUnread()) DropReceived();
    WatchForClose();
    Pump();
  }

  bool open() const { return socket_.is_open(); }

  void Pump() {
    if (waiting_ || !open()) return;
    for (;;) {
      if (!sending_) {
        sending_ = source_->Next();
        sent_ = 0;
        if (!sending_) break;
      }
      if (!SendSome()) return;
    }
    if (source_->Ended()) Close(StreamEnd::kSource);
  }

  void Tick() {
    if (!open()) return;
    source_->OnTick();
    if (waiting_ && source_->MustEnd()) return Close(StreamEnd::kSource);
    if (waiting_ && ++stalled_ticks_ * io_.options.tick > io_.options.stalled_deadline) {
      ++io_.counts->streams_stalled;
      Close(StreamEnd::kStalled);
      return;
    }
    Pump();
  }

  void ShutDown() {
    source_->OnShutdown();
    Pump();
  }

  // Leaves the thread's list, so that source and counters are free at once.
  void Close(StreamEnd why) {
    if (!open()) return;
    source_->OnClosed(why);
    socket_.Close();
    std::swap(io_.streams[index_], io_.streams.back());
    io_.streams[index_]->index_ = index_;
    io_.streams.pop_back();
  }

  void set_index(std::size_t index) { index_ = index; }

 private:
  // False when the socket takes no more, or is gone.
  bool SendSome() {
    while (sent_ < sending_->size()) {
      const Tried tried = socket_.TrySend(sending_->data() + sent_, sending_->size() - sent_);
      if (tried.state != Tried::State::kDone) {
        if (tried.must_wait()) {
          WaitForRoom(tried.wait());
        } else {
          Close(StreamEnd::kBroken);
        }
        return false;
      }
      sent_ += tried.size;
      stalled_ticks_ = 0;
    }
    sending_.reset();
    return true;
  }

  void WaitForRoom(asio::socket_base::wait_type wait) {
    waiting_ = true;
    socket_.raw().async_wait(wait, [self = shared_from_this()](boost::system::error_code error) {
      self->waiting_ = false;
      if (error) return self->Close(StreamEnd::kBroken);
      self->Pump();
    });
  }

  // A client has nothing to say on a stream; what comes is its end, or bytes that are read and dropped.
  void WatchForClose(asio::socket_base::wait_type wait = asio::socket_base::wait_read) {
    socket_.raw().async_wait(wait, [self = shared_from_this()](boost::system::error_code error) {
      if (error || !self->open()) return;
      const Tried tried = self->DropReceived();
      if (tried.is_over())
        return self->Close(tried.state == Tried::State::kEnd ? StreamEnd::kClient : StreamEnd::kBroken);
      self->WatchForClose(tried.must_wait() ? tried.wait() : asio::socket_base::wait_read);
    });
  }

  Tried DropReceived() {
    char dropped[512];
    Tried tried;
    do {
      tried = socket_.TryReceive(dropped, sizeof dropped);
    } while (socket_.HasUnread());
    return tried;
  }

  static constexpr int kMostUnsent = 64 << 10;
  // Later than stalled_deadline is by default, which says more about who reads slowly.
  static constexpr unsigned kMostUnacknowledgedMs = 45'000;

  IoThread& io_;
  std::size_t index_ = 0;  // in io_.streams
  Socket socket_;
  std::shared_ptr<StreamSource> source_;
  Bytes sending_;
  std::size_t sent_ = 0;
  int stalled_ticks_ = 0;
  bool waiting_ = false;
};

namespace {

// Calls `act` for every stream. From the end, because one that closes is replaced by the last.
template <typename Act>
void ForEachStream(IoThread& io, Act act) {
  for (std::size_t i = io.streams.size(); i-- > 0;) {
    const std::shared_ptr<StreamSession> stream = io.streams[i];
    act(*stream);
  }
}

}  // namespace

void StartStream(IoThread& io, Socket socket, std::shared_ptr<StreamSource> source, std::string head) {
  auto stream = std::make_shared<StreamSession>(io, std::move(socket), std::move(source), std::move(head));
  stream->set_index(io.streams.size());
  io.streams.push_back(stream);
  stream->Start();
  if (io.stopping) stream->ShutDown();
}

void PumpStreams(IoThread& io) {
  ForEachStream(io, [](StreamSession& stream) { stream.Pump(); });
}
void TickStreams(IoThread& io) {
  ForEachStream(io, [](StreamSession& stream) { stream.Tick(); });
}
void ShutDownStreams(IoThread& io) {
  ForEachStream(io, [](StreamSession& stream) { stream.ShutDown(); });
}
void CloseStreams(IoThread& io) {
  ForEachStream(io, [](StreamSession& stream) { stream.Close(StreamEnd::kServer); });
}

}  // namespace guidon::http
