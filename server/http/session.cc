// A connection that carries requests: read one, hand it to the handler, write the answer, read the next. Bytes that a
// client sends ahead (pipelining) stay in the buffer until the answer before them is written.
#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <ctime>
#include <optional>
#include <utility>

#include "server/http/io_thread.h"

namespace guidon::http {

namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using Clock = std::chrono::steady_clock;

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

// A request and the room that its body takes of what all bodies may; both go with the last who holds the request.
struct HeldRequest {
  explicit HeldRequest(std::shared_ptr<SharedCounts> shared_counts) : counts(std::move(shared_counts)) {}
  ~HeldRequest() { counts->body_bytes -= reserved; }
  HeldRequest(const HeldRequest&) = delete;
  HeldRequest& operator=(const HeldRequest&) = delete;

  Request request;
  const std::shared_ptr<SharedCounts> counts;
  std::size_t reserved = 0;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(IoThread& io, tcp::socket socket) : io_(io), socket_(std::move(socket)) {
    boost::system::error_code ignored;
    socket_.raw().set_option(tcp::no_delay(true), ignored);
    peer_ = socket_.raw().remote_endpoint(ignored).address().to_string();
  }
  ~Session() {
    ReleaseAnswer();
    LeaveHandshake();
    if (!handed_over_) --io_.counts->connections;
  }

  void Start() {
    if (!io_.tls) return WaitForRequest();
    // Until the first byte is there, such a connection holds no more than any other.
    Enter(Phase::kHandshake, io_.options.handshake_deadline);
    socket_.raw().async_wait(tcp::socket::wait_read, [self = shared_from_this()](boost::system::error_code error) {
      if (error) return self->OnHandshake(error);
      self->ShakeHands();
    });
  }

  // Posted here by the responder.
  void OnAnswer(Response response) {
    if (!socket_.is_open()) return Forget();
    if (response.stream && !is_head_) return HandOver(std::move(response));
    Write(std::move(response));
  }

  // Closes at once when it waits for a request, else after the answer.
  void ShutDown() {
    closing_ = true;
    if (phase_ == Phase::kIdle || phase_ == Phase::kHandshake) Close();
    if (phase_ == Phase::kLingering) deadline_ = std::min(deadline_, Clock::now() + kLingerWhenStopping);
  }

  void Close() { socket_.Close(); }

  // Deadlines are looked at once a tick, so that a request arms no timer.
  void OnTick(Clock::time_point now) {
    if (waits_for_handshake_) asio::post(io_.context, [self = shared_from_this()] { self->ShakeHands(); });
    if (now < deadline_ || !socket_.is_open()) return;
    if (phase_ != Phase::kHeader && phase_ != Phase::kBody) return Close();
    // The reader answers 408. A read between two pieces is not there to be cancelled: the next tick comes again.
    timed_out_ = true;
    socket_.Cancel();
  }

 private:
  using RequestParser = bhttp::request_parser<bhttp::string_body>;
  enum class Phase : std::uint8_t { kHandshake, kIdle, kHeader, kBody, kHandling, kWriting, kLingering };

  void Enter(Phase phase, std::chrono::milliseconds patience) {
    phase_ = phase;
    deadline_ = Clock::now() + patience;
    timed_out_ = false;
  }

  // Handshakes hold buffers, so there are only so many at a time; who has to wait is looked at again every tick.
  void ShakeHands() {
    waits_for_handshake_ = false;
    if (!socket_.is_open()) return OnHandshake(asio::error::operation_aborted);
    if (io_.counts->shaking_hands >= io_.options.handshakes) {
      waits_for_handshake_ = true;
      return;
    }
    ++io_.counts->shaking_hands;
    is_shaking_hands_ = true;
    socket_.AsyncHandshake(*io_.tls, [self = shared_from_this()](boost::system::error_code error) {
      self->LeaveHandshake();
      self->OnHandshake(error);
    });
  }

  void LeaveHandshake() {
    if (std::exchange(is_shaking_hands_, false)) --io_.counts->shaking_hands;
  }

  void OnHandshake(boost::system::error_code error) {
    if (!error) {
      ++io_.counts->handshakes;
      return WaitForRequest();
    }
    if (!closing_) ++io_.counts->handshakes_failed;
    if (!socket_.is_open()) return Forget();
    if (socket_.spoke_http()) {
      socket_.DropTls();
      return Refuse({400, "invalid", "TLS is spoken at this address: ask for https://"});
    }
    if (socket_.tls_fault().empty()) return Forget();
    if (io_.options.on_refused) {
      io_.options.on_refused({0, "the TLS handshake failed: " + socket_.tls_fault(), peer_, NextRequestId()});
    }
    Linger();  // so that the alert arrives
  }

  void WaitForRequest() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(io_.options.header_bytes));
    parser_->body_limit(io_.options.body_bytes);
    is_head_ = is_get_ = false;
    version_ = 11;
    if (buffer_.size() > 0) return ReadHeader();
    constexpr std::size_t kFirstRead = 4096;
    // What a large body has grown is not kept while nothing happens.
    if (buffer_.capacity() > 2 * kFirstRead) buffer_ = beast::flat_buffer();
    Enter(Phase::kIdle, io_.options.idle_deadline);
    socket_.async_read_some(buffer_.prepare(kFirstRead),
                            [self = shared_from_this()](boost::system::error_code error, std::size_t n) {
                              if (error) return self->Forget();
                              self->buffer_.commit(n);
                              self->ReadHeader();
                            });
  }

  void ReadHeader() {
    Enter(Phase::kHeader, io_.options.header_deadline);
    bhttp::async_read_header(socket_, buffer_, *parser_,
                             [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                               if (error) return self->OnReadError(error);
                               self->OnHeader();
                             });
  }

  void OnHeader() {
    const auto& header = parser_->get();
    is_head_ = header.method() == bhttp::verb::head;
    is_get_ = header.method() == bhttp::verb::get;
    version_ = header.version();
    if (const auto refusal = CheckHeader(header)) return Refuse(*refusal);
    held_ = std::make_shared<HeldRequest>(io_.counts);
    parser_->eager(true);
    Enter(Phase::kBody, io_.options.body_deadline);
    const bool expects = header.find(bhttp::field::expect) != header.end();
    // RFC 9110 10.1.1: not for HTTP/1.0, and not when the body has begun to come.
    if (!expects || version_ < 11 || parser_->is_done() || buffer_.size() > 0) return ReadBody();
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(socket_, asio::buffer(kContinue),
                      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                        if (error) return self->OnReadError(error);
                        self->ReadBody();
                      });
  }

  struct Refusal {
    int status;
    std::string_view code;
    std::string detail;
  };

  // What the parser lets through and a server must not (RFC 9112).
  static std::optional<Refusal> CheckHeader(const RequestParser::value_type& header) {
    const auto invalid = [](std::string detail) { return Refusal{400, "invalid", std::move(detail)}; };
    if (header.version() == 11 && header.count(bhttp::field::host) != 1) {
      return invalid("an HTTP/1.1 request has exactly one Host header");
    }
    // The parser takes lengths that are equal; one who is in between may not.
    const auto length = header.find(bhttp::field::content_length);
    if (header.count(bhttp::field::content_length) > 1 ||
        (length != header.end() && length->value().find(',') != beast::string_view::npos)) {
      return invalid("there is more than one Content-Length");
    }
    // A coding that we do not know would leave open where the request ends.
    const auto coding = header.find(bhttp::field::transfer_encoding);
    if (coding != header.end()) {
      if (header.version() < 11) return invalid("HTTP/1.0 has no Transfer-Encoding");
      if (header.count(bhttp::field::transfer_encoding) != 1 || !beast::iequals(coding->value(), "chunked")) {
        return Refusal{501, "invalid", "the only Transfer-Encoding understood here is chunked"};
      }
    }
    const auto expect = header.find(bhttp::field::expect);
    if (expect != header.end() && header.version() == 11 && !beast::iequals(expect->value(), "100-continue")) {
      return Refusal{417, "invalid", "the only expectation understood here is 100-continue"};
    }
    if (PathOf(header.target()).empty()) return invalid("the target of the request is not a path");
    return std::nullopt;
  }

  // "/a?b" from "/a?b" and from "http://host/a?b"; "" from anything else, such as "host:443".
  static std::string PathOf(beast::string_view target) {
    std::string_view rest(target.data(), target.size());
    if (rest == "*") return "*";
    for (const std::string_view scheme : {"http://", "https://"}) {
      if (!beast::iequals({rest.data(), std::min(rest.size(), scheme.size())}, {scheme.data(), scheme.size()}))
        continue;
      rest.remove_prefix(std::min(rest.find_first_of("/?", scheme.size()), rest.size()));
      return rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
    }
    return rest.starts_with('/') ? std::string(rest) : "";
  }

  // Takes the room for what has come of the body. Not for what was announced: who only says that much will come must
  // not keep out those who send it.
  bool ReserveBody() {
    const std::size_t size = parser_->get().body().size();
    if (size <= held_->reserved) return true;
    const std::size_t more = size - held_->reserved;
    held_->reserved = size;
    return (io_.counts->body_bytes += more) <= std::max(io_.options.all_bodies_bytes, io_.options.body_bytes);
  }

  // Piece by piece, and not by Beast's own reading, which may go on for long without coming back: between two pieces it
  // is counted what has come.
  void ReadBody() {
    boost::system::error_code error;
    if (!parser_->is_done() && buffer_.size() > 0) buffer_.consume(parser_->put(buffer_.data(), error));
    if (!ReserveBody()) {
      return Refuse({503, "overloaded", "too many large requests at once; try again shortly"});
    }
    if (error && error != bhttp::error::need_more) return OnReadError(error);
    if (parser_->is_done()) return Handle();
    // What is left is the beginning of a chunk's header or trailer.
    if (buffer_.size() > io_.options.header_bytes) return Refuse(HeaderTooLarge());
    constexpr std::size_t kPiece = 64 << 10;
    socket_.async_read_some(buffer_.prepare(kPiece),
                            [self = shared_from_this()](boost::system::error_code failed, std::size_t n) {
                              if (failed == asio::error::eof) self->parser_->put_eof(failed);
                              if (failed) return self->OnReadError(failed);
                              self->buffer_.commit(n);
                              self->ReadBody();
                            });
  }

  void Handle() {
    phase_ = Phase::kHandling;
    deadline_ = Clock::time_point::max();
    auto& message = parser_->get();
    keep_alive_ = message.keep_alive();
    const auto held = std::exchange(held_, nullptr);
    Request& request = held->request;
    request.method = std::string(message.method_string());
    request.target = PathOf(message.target());
    request.path = request.target.substr(0, request.target.find('?'));
    request.peer = peer_;
    request.id = NextRequestId();
    for (const auto& field : message) {
      request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    }
    request.body = std::move(message.body());
    io_.counts->body_bytes -= held->reserved - std::min(held->reserved, request.body.size());
    held->reserved = std::min(held->reserved, request.body.size());
    io_.handler(std::shared_ptr<Request>(held, &request),
                Responder(std::make_shared<Responder::State>(io_, weak_from_this())));
  }

  void OnReadError(boost::system::error_code error) {
    if (timed_out_ && socket_.is_open()) {
      return Refuse({408, "timeout", phase_ == Phase::kHeader ? "the header took too long" : "the body took too long"});
    }
    if (error == bhttp::error::header_limit) return Refuse(HeaderTooLarge());
    if (error == bhttp::error::body_limit) {
      return Refuse({413, "too_large", "the body is larger than " + std::to_string(io_.options.body_bytes) + " bytes"});
    }
    if (error == bhttp::error::bad_version && NamesAVersion()) {
      return Refuse({505, "invalid", "this server speaks HTTP/1.1"});
    }
    if (error == bhttp::error::partial_message) return Refuse({400, "invalid", "the request ends in the middle"});
    // The end between two requests, or a connection that is gone.
    if (error == bhttp::error::end_of_stream || error.category() != HttpCategory()) return Forget();
    Refuse({400, "invalid", "this is not HTTP/1.1: " + error.message()});
  }

  static const boost::system::error_category& HttpCategory() {
    return bhttp::make_error_code(bhttp::error::bad_method).category();
  }

  // What the parser has not taken; where it found a fault in the request line, all of that.
  std::string_view Unread() const { return {static_cast<const char*>(buffer_.data().data()), buffer_.size()}; }

  // Whether the request line is one of HTTP, of whatever version: "PRI * HTTP/2.0".
  bool NamesAVersion() const {
    const std::string_view line = Unread().substr(0, Unread().find("\r\n"));
    const std::string_view last = line.substr(line.rfind(' ') + 1);
    return last.size() == 8 && last.starts_with("HTTP/") && std::count(line.begin(), line.end(), ' ') == 2;
  }

  // A request line that did not end within the bound has no header yet.
  Refusal HeaderTooLarge() const {
    const std::string bytes = std::to_string(io_.options.header_bytes);
    const std::string_view first = Unread().substr(0, io_.options.header_bytes);
    const bool in_line = parser_->get().target().empty() && first.find('\n') == std::string_view::npos;
    if (in_line) return {414, "too_large", "the address is longer than " + bytes + " bytes"};
    return {431, "too_large", "the header is larger than " + bytes + " bytes"};
  }

  // The answer to what never reaches the handler; the connection is of no use after it.
  void Refuse(const Refusal& refusal) {
    ++io_.counts->bad_requests;
    held_.reset();
    keep_alive_ = false;
    const std::string id = NextRequestId();
    if (io_.options.on_refused) io_.options.on_refused({refusal.status, refusal.detail, peer_, id});
    Response response;
    response.status = refusal.status;
    response.Header("Content-Type", "application/problem+json");
    response.Header("X-Request-Id", id);
    if (refusal.status == 503) response.Header("Retry-After", "1");
    response.body = R"({"type":"about:blank","title":"The request was refused","status":)" +
                    std::to_string(refusal.status) + R"(,"detail":")" + refusal.detail + R"(","code":")" +
                    std::string(refusal.code) + R"(","request_id":")" + id + "\"}";
    Write(std::move(response));
  }

  template <typename Fields>
  void FillHeader(Fields& message, const Response& response) {
    message.result(static_cast<unsigned>(response.status));
    message.version(version_);
    message.set(bhttp::field::server, "guidon");
    message.set(bhttp::field::date, HttpDate());
    for (const auto& [name, value] : response.headers) message.insert(name, value);
  }

  // Counts a body that only this answer holds.
  bool ReserveAnswer(const Response& response) {
    ReleaseAnswer();
    answer_reserved_ = response.shared_body ? 0 : response.body.size();
    const bool fits = (io_.counts->answer_bytes += answer_reserved_) <= io_.options.all_answers_bytes;
    return fits || !is_get_ || answer_reserved_ <= kSmallAnswer;
  }
  void ReleaseAnswer() { io_.counts->answer_bytes -= std::exchange(answer_reserved_, 0); }

  void Write(Response response) {
    if (!ReserveAnswer(response)) {
      return Refuse({503, "overloaded", "too many answers wait for their readers; try again shortly"});
    }
    response_ = std::move(response);
    const std::string& body = response_.shared_body ? *response_.shared_body : response_.body;
    const bool has_length = response_.status != 304 && response_.status != 204 && !response_.stream;
    header_only_ = is_head_ || !has_length;
    message_.emplace();
    FillHeader(*message_, response_);
    message_->keep_alive(keep_alive_ && !closing_);
    if (has_length) message_->content_length(body.size());
    if (!header_only_) message_->body() = beast::span<const char>(body.data(), body.size());
    serializer_.emplace(*message_);
    serializer_->split(header_only_);
    const std::chrono::milliseconds at_rate(1000 * body.size() /
                                            std::max<std::size_t>(1, io_.options.write_bytes_per_second));
    written_by_ = Clock::now() + io_.options.write_deadline + at_rate;
    WriteSome();
  }

  // In pieces: a socket that takes nothing for a while is given up, and one that takes too little of it all.
  void WriteSome() {
    Enter(Phase::kWriting, io_.options.write_deadline);
    deadline_ = std::min(deadline_, written_by_);
    bhttp::async_write_some(
        socket_, *serializer_, [self = shared_from_this()](boost::system::error_code error, std::size_t) {
          if (error) return self->Forget();
          const bool done = self->header_only_ ? self->serializer_->is_header_done() : self->serializer_->is_done();
          return done ? self->OnWritten() : self->WriteSome();
        });
  }

  void OnWritten() {
    serializer_.reset();
    message_.reset();
    response_ = Response();
    ReleaseAnswer();
    if (!keep_alive_ || closing_) return Linger();
    WaitForRequest();
  }

  // After a refusal the client may still be sending: a close with unread bytes would reset the connection and take the
  // answer with it. So: no more from us, and a bounded read of the rest.
  void Linger() {
    socket_.ShutDownSending();
    Enter(Phase::kLingering,
          closing_ ? std::min(kLingerWhenStopping, io_.options.linger_deadline) : io_.options.linger_deadline);
    Drain(kMostDrained);
  }

  void Drain(std::size_t left) {
    buffer_.clear();
    constexpr std::size_t kPiece = 16 << 10;
    socket_.raw().async_read_some(buffer_.prepare(kPiece),
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
    io_.sessions.erase(shared_from_this());  // the handler that called us still holds it
    StartStream(io_, std::move(socket_), std::move(response.stream), std::move(head));
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

  static constexpr std::chrono::milliseconds kLingerWhenStopping{500};
  static constexpr std::size_t kMostDrained = 64u << 20;
  static constexpr std::size_t kSmallAnswer = 4u << 10;  // is sent whatever others hold

  IoThread& io_;
  Socket socket_;
  beast::flat_buffer buffer_;
  std::optional<RequestParser> parser_;
  std::shared_ptr<HeldRequest> held_;  // while its body is read
  std::string peer_;
  Response response_;
  std::optional<bhttp::response<bhttp::span_body<const char>>> message_;
  std::optional<bhttp::response_serializer<bhttp::span_body<const char>>> serializer_;
  std::size_t answer_reserved_ = 0;
  Clock::time_point written_by_ = Clock::time_point::max();
  Clock::time_point deadline_ = Clock::time_point::max();
  unsigned version_ = 11;
  Phase phase_ = Phase::kIdle;
  bool timed_out_ = false;
  bool keep_alive_ = true;
  bool is_head_ = false;
  bool is_get_ = false;
  bool header_only_ = false;
  bool closing_ = false;
  bool handed_over_ = false;
  bool is_shaking_hands_ = false;
  bool waits_for_handshake_ = false;
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
  if (io.stopping) session->ShutDown();
}

void TickSessions(IoThread& io) {
  const auto now = Clock::now();
  for (const auto& session : io.sessions) session->OnTick(now);
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
