#include "bench/floor/http.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace guidon::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, const std::string& document) : socket_(std::move(socket)), document_(document) {}

  void Read() {
    request_ = {};
    http::async_read(socket_, buffer_, request_, [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (!error) self->Answer();
    });
  }

 private:
  void Answer() {
    const bool is_not_modified = request_.count(http::field::if_none_match) > 0;
    if (request_.method() == http::verb::post) {
      echo_ = {http::status::ok, request_.version()};
      echo_.set(http::field::content_type, "application/json");
      echo_.body() = std::move(request_.body());
      return Write(echo_);
    }
    document_answer_ = {is_not_modified ? http::status::not_modified : http::status::ok, request_.version()};
    document_answer_.set(http::field::etag, "\"1-0123456789abcdef0123456789abcdef\"");
    if (!is_not_modified) {
      document_answer_.set(http::field::content_type, "application/json");
      document_answer_.body() = {document_.data(), document_.size()};
    }
    Write(document_answer_);
  }

  template <typename Message>
  void Write(Message& message) {
    if (message.result() != http::status::not_modified) message.prepare_payload();
    http::async_write(socket_, message, [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (!error) self->Read();
    });
  }

  tcp::socket socket_;
  const std::string& document_;
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response<http::string_body> echo_;
  http::response<http::span_body<const char>> document_answer_;
};

void Accept(tcp::acceptor& acceptor, const std::string& document) {
  acceptor.async_accept([&](beast::error_code error, tcp::socket socket) {
    if (!error) {
      beast::error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      std::make_shared<Connection>(std::move(socket), document)->Read();
    }
    Accept(acceptor, document);
  });
}

}  // namespace

HttpFloor StartHttpFloor(const std::string& document) {
  int told[2];
  if (::pipe(told) != 0) throw std::runtime_error("no pipe for the floor of requests");
  const pid_t process = ::fork();
  if (process < 0) throw std::runtime_error("no process for the floor of requests");
  if (process == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    asio::io_context context(1);
    tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
    const std::uint16_t port = acceptor.local_endpoint().port();
    if (::write(told[1], &port, sizeof port) != sizeof port) ::_exit(1);
    Accept(acceptor, document);
    context.run();
    ::_exit(0);
  }
  HttpFloor floor;
  floor.process = process;
  const bool is_told = ::read(told[0], &floor.port, sizeof floor.port) == sizeof floor.port;
  ::close(told[0]);
  ::close(told[1]);
  if (!is_told) throw std::runtime_error("the floor of requests does not listen");
  return floor;
}

void StopHttpFloor(HttpFloor& floor) {
  ::kill(floor.process, SIGKILL);
  ::waitpid(floor.process, nullptr, 0);
  floor = {};
}

}  // namespace guidon::bench
