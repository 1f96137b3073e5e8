#include "server/http/server.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <optional>
#include <utility>

#include "server/http/io_thread.h"

namespace guidon::http {

class Server::Impl {
 public:
  // A certificate is kept by those who use it alone: it goes when the next one has come and its last session has ended.
  Impl(ServerOptions options, Handler handler) : Impl(std::exchange(options.tls, nullptr), options, handler) {}

  Impl(const std::shared_ptr<const Tls>& tls, const ServerOptions& options, const Handler& handler)
      : options_(options), speaks_tls_(tls != nullptr) {
    for (int i = 0; i < std::max(1, options_.io_threads); ++i) {
      threads_.push_back(std::make_unique<IoThread>(options_, tls, handler, counts_));
    }
    acceptor_.emplace(threads_[0]->context);
    retry_.emplace(threads_[0]->context);
  }

  ~Impl() { Stop(std::chrono::milliseconds(0)); }

  Status Listen() {
    const std::string where = options_.address + ":" + std::to_string(options_.port);
    boost::system::error_code error;
    const auto address = asio::ip::make_address(options_.address, error);
    if (error) return Fail(ErrorCode::kIo, "cannot listen on " + where + ": not an IP address");
    const tcp::endpoint endpoint(address, options_.port);
    acceptor_->open(endpoint.protocol(), error);
    if (!error) acceptor_->set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_->bind(endpoint, error);
    if (!error) acceptor_->listen(asio::socket_base::max_listen_connections, error);
    if (error == asio::error::address_in_use) {
      return Fail(ErrorCode::kIo,
                  "cannot listen on " + where + ": another process does; stop it or choose another port");
    }
    if (error) return Fail(ErrorCode::kIo, "cannot listen on " + where + ": " + error.message());
    port_ = acceptor_->local_endpoint().port();
    return {};
  }

  void Run() {
    for (auto& io : threads_) {
      guards_.push_back(asio::make_work_guard(io->context));
      StartTicking(*io);
    }
    Accept();
    for (auto& io : threads_) io->thread = std::thread([&context = io->context] { context.run(); });
  }

  std::uint16_t port() const { return port_; }

  void WakeStreams() {
    for (auto& io : threads_) {
      if (io->wake_posted.exchange(true)) continue;
      asio::post(io->context, [&io = *io] {
        io.wake_posted = false;
        PumpStreams(io);
      });
    }
  }

  void UseTls(const std::shared_ptr<const Tls>& tls) {
    for (auto& io : threads_) asio::post(io->context, [&io = *io, tls] { io.tls = tls; });
  }

  ServerCounts Counts() const {
    ServerCounts counts;
    counts.accepted = counts_->accepted;
    counts.refused = counts_->refused;
    counts.connections = counts_->connections;
    counts.streams = counts_->streams;
    counts.streams_stalled = counts_->streams_stalled;
    counts.bad_requests = counts_->bad_requests;
    counts.handshakes = counts_->handshakes;
    counts.shaking_hands = counts_->shaking_hands;
    counts.handshakes_failed = counts_->handshakes_failed;
    return counts;
  }

  void Stop(std::chrono::milliseconds drain) {
    if (stopped_.exchange(true) || threads_.empty() || !threads_[0]->thread.joinable()) return;
    const auto deadline = std::chrono::steady_clock::now() + drain;
    OnEach([this](IoThread& io) {
      if (&io == threads_[0].get()) acceptor_->close();
      io.stopping = true;
      ShutDownSessions(io);
      ShutDownStreams(io);
    });
    // Sessions leave the counter as they finish; asked every few milliseconds, because nobody else waits for it.
    while (counts_->connections > 0 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    OnEach([this](IoThread& io) {
      io.closed = true;
      CloseSessions(io);
      CloseStreams(io);
      io.ticker.cancel();
      if (&io == threads_[0].get()) retry_->cancel();
    });
    // Every wait has been cancelled, so the threads run out of work; whoever still holds a session lets go of it
    // before.
    for (auto& guard : guards_) guard.reset();
    for (auto& io : threads_) io->thread.join();
    for (auto& io : threads_) io->sessions.clear();
  }

 private:
  // Runs `act` on every I/O thread and waits for all of them.
  template <typename Act>
  void OnEach(Act act) {
    std::vector<std::future<void>> done;
    for (auto& io : threads_) {
      auto finished = std::make_shared<std::promise<void>>();
      done.push_back(finished->get_future());
      asio::post(io->context, [&io = *io, act, finished] {
        act(io);
        finished->set_value();
      });
    }
    for (auto& future : done) future.wait();
  }

  // Round robin over the threads.
  void Accept() {
    IoThread& io = *threads_[next_thread_++ % threads_.size()];
    acceptor_->async_accept(io.context, [this, &io](boost::system::error_code error, TcpSocket socket) {
      if (error == asio::error::operation_aborted || !acceptor_->is_open()) return;
      if (error) {
        // Out of descriptors or memory: the next accept would fail at once; try again a little later.
        retry_->expires_after(std::chrono::milliseconds(100));
        retry_->async_wait([this](boost::system::error_code aborted) {
          if (!aborted && acceptor_->is_open()) Accept();
        });
        return;
      }
      ++counts_->accepted;
      if (counts_->connections >= options_.connections) {
        Refuse(std::move(socket));
      } else {
        ++counts_->connections;
        asio::post(io.context, [&io, socket = std::move(socket)]() mutable { StartSession(io, std::move(socket)); });
      }
      Accept();
    });
  }

  void Refuse(TcpSocket socket) {
    ++counts_->refused;
    static constexpr std::string_view kBusy =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    if (speaks_tls_) return;  // a handshake would be more work than its answer is worth
    boost::system::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.send(asio::buffer(kBusy), MSG_NOSIGNAL, ignored);
    socket.shutdown(asio::socket_base::shutdown_send, ignored);
    // A request that is there already and stays unread would turn the close into a reset.
    char dropped[4096];
    for (int i = 0; i < 16 && socket.receive(asio::buffer(dropped), 0, ignored) > 0; ++i) {
    }
  }

  void StartTicking(IoThread& io) {
    io.ticker.expires_after(options_.tick);
    io.ticker.async_wait([this, &io](boost::system::error_code error) {
      if (error || io.closed) return;
      TickSessions(io);
      TickStreams(io);
      StartTicking(io);
    });
  }

  const ServerOptions options_;  // without `tls`
  const bool speaks_tls_;
  const std::shared_ptr<SharedCounts> counts_ = std::make_shared<SharedCounts>();
  std::vector<std::unique_ptr<IoThread>> threads_;
  std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards_;
  std::optional<tcp::acceptor> acceptor_;    // on the first thread
  std::optional<asio::steady_timer> retry_;  // likewise
  std::size_t next_thread_ = 0;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopped_{false};
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::Start(const ServerOptions& options, Handler handler) {
  auto impl = std::make_unique<Impl>(options, std::move(handler));
  if (Status listening = impl->Listen(); !listening) return Fail(listening.error());
  impl->Run();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::uint16_t Server::port() const {
  return impl_->port();
}
void Server::WakeStreams() {
  impl_->WakeStreams();
}
void Server::UseTls(const std::shared_ptr<const Tls>& tls) {
  impl_->UseTls(tls);
}
ServerCounts Server::Counts() const {
  return impl_->Counts();
}
void Server::Stop(std::chrono::milliseconds drain) {
  impl_->Stop(drain);
}

}  // namespace guidon::http
