// A connection that carries requests: read one, hand it to the handler, write the answer, read the next. Bytes that a
// client sends ahead (pipelining) stay in the buffer until the answer before them is written.
#include <array>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <ctime>
#include <optional>

#include "server/http/io_thread.h"

namespace guidon::http {

namespace beast = boost::beast;
namespace bhttp = boost::beast::http;

// What a Responder answers to. Shared with handlers on any thread; the session may be gone by then.
class Responder::State {
 public:
  State(IoThread& io, std::weak_ptr<Session> session) : io_(io), session_(std::move(session)) {}
  ~State() {
    if (!answered_.exchange(true)) Deliver(Unanswered());
  }
  void Answer(Response response) {
    if (!answered_.exchange(true)) Deliver(std::move(response));
  }

 private:
  static Response Unanswered() {
    Response response;
    response.status = 500;
    response.Header("Content-Type", "application/problem+json");
    response.body = R"({"type":"about:blank","title":"The server failed","status":500,"code":"internal"})";
    return response;
  }
  void Deliver(Response response);

  IoThread& io_;
  std::weak_ptr<Session> session_;
  std::atomic<bool> answered_{false};
};

void Responder::operator()(Response response) const {
  state_->Answer(std::move(response));
}

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(IoThread& io, tcp::socket socket) : io_(io), stream_(std::move(socket)) {
    boost::system::error_code ignored;
    stream_.socket().set_option(tcp::no_delay(true), ignored);
    const auto peer = stream_.socket().remote_endpoint(ignored);
    peer_ = peer.address().to_string();
  }
  ~Session() {
    if (!handed_over_) --io_.counts.connections;
  }

  void Start() { WaitForRequest(); }

  // Posted here by the responder.
  void OnAnswer(Response response) {
    if (!stream_.socket().is_open() && !handed_over_) return Forget();
    if (response.stream) return HandOver(std::move(response));
    Write(std::move(response));
  }

  // Closes at once when it waits for a request, else after the answer.
  void ShutDown() {
    closing_ = true;
    if (idle_) Close();
  }

  void Close() {
    boost::system::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
    stream_.close();
  }

 private:
  using RequestParser = bhttp::request_parser<bhttp::string_body>;

  void WaitForRequest() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(io_.options.header_bytes));
    parser_->body_limit(io_.options.body_bytes);
    if (buffer_.size() > 0) return ReadHeader();
    idle_ = true;
    stream_.expires_after(io_.options.idle_deadline);
    constexpr std::size_t kFirstRead = 4096;
    stream_.async_read_some(buffer_.prepare(kFirstRead),
                            [self = shared_from_this()](boost::system::error_code error, std::size_t n) {
                              self->idle_ = false;
                              if (error) return self->Forget();
                              self->buffer_.commit(n);
                              self->ReadHeader();
                            });
  }

  void ReadHeader() {
    stream_.expires_after(io_.options.header_deadline);
    bhttp::async_read_header(stream_, buffer_, *parser_,
                             [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                               if (error) return self->OnReadError(error);
                               self->OnHeader();
                             });
  }

  void OnHeader() {
    stream_.expires_after(io_.options.body_deadline);
    const auto expect = parser_->get().find(bhttp::field::expect);
    if (expect != parser_->get().end() && beast::iequals(expect->value(), "100-continue") && !parser_->is_done()) {
      static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      asio::async_write(stream_, asio::buffer(kContinue),
                        [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                          if (error) return self->Forget();
                          self->ReadBody();
                        });
      return;
    }
    ReadBody();
  }

  void ReadBody() {
    bhttp::async_read(stream_, buffer_, *parser_,
                      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                        if (error) return self->OnReadError(error);
                        self->Handle();
                      });
  }

  void Handle() {
    stream_.expires_never();
    auto& message = parser_->get();
    keep_alive_ = message.keep_alive() && !closing_;
    is_head_ = message.method() == bhttp::verb::head;
    version_ = message.version();
    auto request = std::make_shared<Request>();
    request->method = std::string(message.method_string());
    request->target = std::string(message.target());
    request->path = request->target.substr(0, request->target.find('?'));
    request->peer = peer_;
    request->id = NextRequestId();
    for (const auto& field : message) {
      request->headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    }
    request->body = std::move(message.body());
    io_.handler(std::move(request), Responder(std::make_shared<Responder::State>(io_, weak_from_this())));
  }

  void OnReadError(boost::system::error_code error) {
    if (error == bhttp::error::end_of_stream || error == asio::error::operation_aborted ||
        error == asio::error::connection_reset || error == asio::error::eof) {
      return Forget();
    }
    ++io_.counts.bad_requests;
    keep_alive_ = false;
    if (error == beast::error::timeout) {
      // The timeout has closed the socket already; there is nobody left to tell.
      return Forget();
    }
    if (error == bhttp::error::header_limit) return Write(Refusal(431, "too_large", "the header is too large"));
    if (error == bhttp::error::body_limit) {
      return Write(
          Refusal(413, "too_large", "the body is larger than " + std::to_string(io_.options.body_bytes) + " bytes"));
    }
    if (error.category() == bhttp::make_error_code(bhttp::error::bad_method).category()) {
      return Write(Refusal(400, "invalid", "this is not HTTP/1.1: " + error.message()));
    }
    Forget();
  }

  static Response Refusal(int status, std::string_view code, std::string_view detail) {
    Response response;
    response.status = status;
    response.Header("Content-Type", "application/problem+json");
    response.body = R"({"type":"about:blank","title":"The request was refused","status":)" + std::to_string(status) +
                    R"(,"code":")" + std::string(code) + R"(","detail":")" + std::string(detail) + "\"}";
    return response;
  }

  template <typename Fields>
  void FillHeader(Fields& message, const Response& response) {
    message.result(static_cast<unsigned>(response.status));
    message.version(version_);
    message.set(bhttp::field::server, "guidon");
    message.set(bhttp::field::date, HttpDate());
    for (const auto& [name, value] : response.headers) message.insert(name, value);
  }

  void Write(Response response) {
    response_ = std::move(response);
    const std::string& body = response_.shared_body ? *response_.shared_body : response_.body;
    message_.emplace();
    FillHeader(*message_, response_);
    message_->keep_alive(keep_alive_);
    if (response_.status != 304 && response_.status != 204) message_->content_length(body.size());
    if (!is_head_) message_->body() = beast::span<const char>(body.data(), body.size());
    serializer_.emplace(*message_);
    stream_.expires_after(io_.options.write_deadline);
    const auto written = [self = shared_from_this()](boost::system::error_code error, std::size_t) {
      self->OnWritten(error);
    };
    if (is_head_ || response_.status == 304 || response_.status == 204) {
      bhttp::async_write_header(stream_, *serializer_, written);
    } else {
      bhttp::async_write(stream_, *serializer_, written);
    }
  }

  void OnWritten(boost::system::error_code error) {
    serializer_.reset();
    message_.reset();
    response_ = Response();
    if (error) return Forget();
    if (!keep_alive_ || closing_) return Linger();
    WaitForRequest();
  }

  // After a refusal the client may still be sending: a close with unread bytes would reset the connection and take the
  // answer with it. So: no more from us, and a bounded read of the rest.
  void Linger() {
    boost::system::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream_.expires_after(std::chrono::seconds(2));
    Drain(1 << 20);
  }

  void Drain(std::size_t left) {
    buffer_.clear();
    constexpr std::size_t kPiece = 16 << 10;
    stream_.async_read_some(buffer_.prepare(kPiece),
                            [self = shared_from_this(), left](boost::system::error_code error, std::size_t n) {
                              if (error || n >= left) return self->Forget();
                              self->Drain(left - n);
                            });
  }

  void HandOver(Response response) {
    bhttp::response<bhttp::empty_body> message;
    FillHeader(message, response);
    message.keep_alive(false);
    std::string head = "HTTP/1.1 " + std::to_string(response.status) + " " + std::string(message.reason()) + "\r\n";
    for (const auto& field : message) {
      head.append(field.name_string().data(), field.name_string().size()).append(": ");
      head.append(field.value().data(), field.value().size()).append("\r\n");
    }
    head += "\r\n";
    handed_over_ = true;
    tcp::socket socket = stream_.release_socket();
    io_.sessions.erase(shared_from_this());
    StartStream(io_, std::move(socket), std::move(response.stream), std::move(head));
  }

  void Forget() {
    Close();
    io_.sessions.erase(shared_from_this());
  }

  static std::string NextRequestId() {
    static const std::uint64_t start = static_cast<std::uint64_t>(std::time(nullptr)) & 0xffffff;
    static std::atomic<std::uint64_t> next{1};
    std::array<char, 32> text;
    const int size = std::snprintf(text.data(), text.size(), "%06llx-%llx", static_cast<unsigned long long>(start),
                                   static_cast<unsigned long long>(next.fetch_add(1, std::memory_order_relaxed)));
    return std::string(text.data(), static_cast<std::size_t>(size));
  }

  static std::string HttpDate() {
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    gmtime_r(&now, &utc);
    std::array<char, 40> text;
    return std::string(text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc));
  }

  IoThread& io_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<RequestParser> parser_;
  std::string peer_;
  Response response_;
  std::optional<bhttp::response<bhttp::span_body<const char>>> message_;
  std::optional<bhttp::response_serializer<bhttp::span_body<const char>>> serializer_;
  unsigned version_ = 11;
  bool keep_alive_ = true;
  bool is_head_ = false;
  bool idle_ = false;
  bool closing_ = false;
  bool handed_over_ = false;
};

void Responder::State::Deliver(Response response) {
  asio::post(io_.context, [session = session_, response = std::move(response)]() mutable {
    if (const auto held = session.lock()) held->OnAnswer(std::move(response));
  });
}

void StartSession(IoThread& io, tcp::socket socket) {
  auto session = std::make_shared<Session>(io, std::move(socket));
  io.sessions.insert(session);
  session->Start();
}

void ShutDownSessions(IoThread& io) {
  const auto sessions = io.sessions;
  for (const auto& session : sessions) session->ShutDown();
}

void CloseSessions(IoThread& io) {
  const auto sessions = io.sessions;
  for (const auto& session : sessions) session->Close();
}

}  // namespace guidon::http
