// A connection that carries requests: read one, hand it to the handler, write the answer, read the next. Bytes that a
// client sends ahead (pipelining) stay in the buffer until the answer before them is written.
//
// A request that has come whole and is answered at once costs two calls to the system and one turn of the thread: the
// parser writes into the request itself, an answer that the handler gives while it is called goes out from there, and
// what the socket takes without waiting is not waited for.
#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <charconv>
#include <chrono>
#include <ctime>
#include <optional>
#include <utility>

#include "server/http/answer_head.h"
#include "server/http/io_thread.h"
#include "server/http/request_parser.h"

namespace guidon::http {

namespace beast = boost::beast;
using Clock = std::chrono::steady_clock;

// What a Responder answers to. Shared with handlers on any thread; the session may be gone by then.
class Responder::State {
 public:
  State(IoThread& io, std::weak_ptr<Session> session) : io_(io), session_(std::move(session)) {}
  ~State() {
    if (!answered_.exchange(true)) Deliver(Unanswered());
  }
  void Answer(Response&& response) {
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
  void Deliver(Response&& response);

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
  Session(IoThread& io, TcpSocket socket) : io_(io), socket_(std::move(socket)) {
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
    socket_.raw().async_wait(asio::socket_base::wait_read,
                             [self = shared_from_this()](boost::system::error_code error) {
                               if (error) return self->OnHandshake(error);
                               self->ShakeHands();
                             });
  }

  // Of the responder, on this thread: true while the handler is being called, which then goes on with it.
  bool TakeAtOnce(Response& response) {
    if (!is_calling_) return false;
    at_once_ = std::move(response);
    return true;
  }

  // Posted here by the responder.
  void OnAnswer(Response&& response) {
    if (!socket_.is_open()) return Forget();
    if (response.stream && !is_head_) return HandOver(std::move(response));
    Write(std::move(response));
  }

  // Closes at once when it waits for a request, else after the answer; a request that has come in part gets one when
  // its rest takes too long.
  void ShutDown() {
    closing_ = true;
    stop_by_ = CoarseNow() + io_.options.stop_deadline;
    if (phase_ == Phase::kIdle || phase_ == Phase::kHandshake) Close();
    if (IsReading()) deadline_ = std::min(deadline_, stop_by_);
    if (phase_ == Phase::kLingering) deadline_ = std::min(deadline_, CoarseNow() + kLingerWhenStopping);
  }

  void Close() { socket_.Close(); }

  // Deadlines are looked at once a tick, so that a request arms no timer.
  void OnTick(Clock::time_point now) {
    if (waits_for_handshake_) asio::post(io_.context, [self = shared_from_this()] { self->ShakeHands(); });
    if (now < deadline_ || !socket_.is_open()) return;
    if (!IsReading()) return Close();
    // The reader answers 408, or 503 at a stop. A read between two pieces is not there to be cancelled: the next tick
    // comes again.
    timed_out_ = true;
    socket_.Cancel();
  }

 private:
  using Step = RequestParser::Step;
  enum class Phase : std::uint8_t { kHandshake, kIdle, kHeader, kBody, kHandling, kWriting, kLingering };

  bool IsReading() const { return phase_ == Phase::kHeader || phase_ == Phase::kBody; }

  void Enter(Phase phase, std::chrono::milliseconds patience) {
    phase_ = phase;
    deadline_ = CoarseNow() + patience;
    if (IsReading()) deadline_ = std::min(deadline_, stop_by_);
    timed_out_ = false;
  }

  // ---- Handshakes ------------------------------------------------------------------------------------------------

  // Handshakes hold buffers, so there are only so many at a time; who has to wait is looked at again every tick.
  void ShakeHands() {
    waits_for_handshake_ = false;
    if (!socket_.is_open()) return OnHandshake(asio::error::operation_aborted);
    if (io_.counts->shaking_hands >= io_.options.handshakes && !MakeRoomForHandshake()) {
      waits_for_handshake_ = true;
      return;
    }
    ++io_.counts->shaking_hands;
    place_ = io_.shaking_hands.insert(io_.shaking_hands.end(), this);
    shaking_since_ = CoarseNow();
    is_shaking_hands_ = true;
    socket_.AsyncHandshake(*io_.tls, [self = shared_from_this()](boost::system::error_code error) {
      self->LeaveHandshake();
      self->OnHandshake(error);
    });
  }

  void LeaveHandshake() {
    if (!std::exchange(is_shaking_hands_, false)) return;
    --io_.counts->shaking_hands;
    io_.shaking_hands.erase(place_);
  }

  // Gives up the oldest handshake of this thread, if it is its client that is waited for, and has been for a while:
  // who begins thousands and finishes none keeps nobody out for longer.
  bool MakeRoomForHandshake() {
    if (io_.shaking_hands.empty()) return false;
    Session& oldest = *io_.shaking_hands.front();
    boost::system::error_code ignored;
    const bool is_our_turn = oldest.socket_.raw().available(ignored) > 0;
    if (is_our_turn || CoarseNow() - oldest.shaking_since_ < io_.options.crowded_handshake) return false;
    oldest.LeaveHandshake();
    oldest.Close();
    return true;
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

  // ---- Reading ---------------------------------------------------------------------------------------------------

  void WaitForRequest() {
    if (!socket_.is_open()) return Forget();
    parser_.reset();
    is_head_ = is_get_ = false;
    version_ = 11;
    if (buffer_.size() > 0) return ReadHeader();
    constexpr std::size_t kFirstRead = 4096;
    // What a large body has grown is not kept while nothing happens.
    if (buffer_.capacity() > 2 * kFirstRead) buffer_ = beast::flat_buffer();
    Enter(Phase::kIdle, io_.options.idle_deadline);
    socket_.AsyncReceive(buffer_.prepare(kFirstRead),
                         [self = shared_from_this()](boost::system::error_code error, std::size_t n) {
                           if (error) return self->Forget();
                           self->buffer_.commit(n);
                           self->ReadHeader();
                         });
  }

  void ReadHeader() {
    if (phase_ != Phase::kHeader) Enter(Phase::kHeader, io_.options.header_deadline);
    if (!parser_) {
      parser_.emplace(RequestParser::Limits{io_.options.header_bytes, io_.options.body_bytes});
    }
    switch (Parse()) {
      case Step::kMore:
        return ReadMore(kHeaderPiece, &Session::ReadHeader);
      case Step::kRefused:
        return Refuse(parser_->refusal());
      case Step::kHeader:
      case Step::kDone:
        return OnHeader();
    }
  }

  Step Parse() {
    const auto bytes = buffer_.data();
    std::size_t taken = 0;
    const Step step = parser_->Put({static_cast<const char*>(bytes.data()), bytes.size()}, &taken);
    buffer_.consume(taken);
    return step;
  }

  // Piece by piece: between two of them it is counted what has come.
  void ReadMore(std::size_t most, void (Session::*next)()) {
    socket_.AsyncReceive(buffer_.prepare(most),
                         [self = shared_from_this(), next](boost::system::error_code error, std::size_t n) {
                           if (error) return self->OnReadError(error);
                           self->buffer_.commit(n);
                           (self.get()->*next)();
                         });
  }

  void OnReadError(boost::system::error_code error) {
    if (timed_out_ && socket_.is_open() && closing_) {
      return Refuse({503, "unavailable", "the server is stopping; nothing was done: send it again"});
    }
    if (timed_out_ && socket_.is_open()) {
      return Refuse({408, "timeout", phase_ == Phase::kHeader ? "the header took too long" : "the body took too long"});
    }
    if (error == asio::error::eof && parser_->PutEnd() == Step::kRefused) return Refuse(parser_->refusal());
    Forget();
  }

  void OnHeader() {
    is_head_ = parser_->request().method == "HEAD";
    is_get_ = parser_->request().method == "GET";
    version_ = parser_->version();
    Enter(Phase::kBody, io_.options.body_deadline);
    // Not when the body has begun to come.
    if (!parser_->expects_continue() || parser_->is_complete() || buffer_.size() > 0) return ReadBody();
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    head_ = kContinue;
    sent_ = 0;
    SendContinue();
  }

  void SendContinue() {
    if (timed_out_) return OnReadError(asio::error::operation_aborted);
    const Tried tried = socket_.TrySend(head_.data() + sent_, head_.size() - sent_);
    if (tried.is_over()) return Forget();
    sent_ += tried.size;
    if (sent_ == head_.size()) return ReadBody();
    WaitFor(tried.wait(), &Session::SendContinue);
  }

  // Takes the room for what has come of the body. Not for what was announced: who only says that much will come must
  // not keep out those who send it.
  bool ReserveBody() {
    const std::size_t size = parser_->request().body.size();
    if (size == 0) return true;
    if (!held_) held_ = std::make_shared<HeldRequest>(io_.counts);
    const std::size_t more = size - held_->reserved;
    held_->reserved = size;
    return (io_.counts->body_bytes += more) <= std::max(io_.options.all_bodies_bytes, io_.options.body_bytes);
  }

  void ReadBody() {
    const Step step = parser_->is_complete() ? Step::kDone : Parse();
    if (!ReserveBody()) {
      return Refuse({503, "overloaded", "too many large requests at once; try again shortly"});
    }
    if (step == Step::kRefused) return Refuse(parser_->refusal());
    if (step == Step::kDone) return Handle();
    ReadMore(kBodyPiece, &Session::ReadBody);
  }

  // ---- Handling --------------------------------------------------------------------------------------------------

  void Handle() {
    phase_ = Phase::kHandling;
    deadline_ = Clock::time_point::max();
    keep_alive_ = parser_->is_keep_alive();
    const auto held = held_ ? std::exchange(held_, nullptr) : std::make_shared<HeldRequest>(io_.counts);
    held->request = parser_->Take();
    held->request.peer = peer_;
    held->request.id = NextRequestId();
    parser_.reset();
    is_calling_ = true;
    io_.handler(std::shared_ptr<Request>(held, &held->request),
                Responder(std::make_shared<Responder::State>(io_, weak_from_this())));
    is_calling_ = false;
    if (!at_once_) return;
    Response response = *std::move(at_once_);
    at_once_.reset();
    OnAnswer(std::move(response));
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

  // ---- Writing ---------------------------------------------------------------------------------------------------

  // Counts a body that only this answer holds.
  bool ReserveAnswer(const Response& response) {
    ReleaseAnswer();
    answer_reserved_ = response.shared_body ? 0 : response.body.size();
    if (answer_reserved_ == 0) return true;
    const bool fits = (io_.counts->answer_bytes += answer_reserved_) <= io_.options.all_answers_bytes;
    return fits || !is_get_ || answer_reserved_ <= kSmallAnswer;
  }
  void ReleaseAnswer() {
    if (answer_reserved_ > 0) io_.counts->answer_bytes -= std::exchange(answer_reserved_, 0);
  }

  void Write(Response&& response) {
    if (!ReserveAnswer(response)) {
      return Refuse({503, "overloaded", "too many answers wait for their readers; try again shortly"});
    }
    response_ = std::move(response);
    const std::string& body = response_.shared_body ? *response_.shared_body : response_.body;
    const bool has_length = response_.status != 304 && response_.status != 204 && !response_.stream;
    body_ = is_head_ || !has_length ? std::string_view() : std::string_view(body);
    AnswerHead head{.version = version_, .keep_alive = keep_alive_ && !closing_, .date = io_.date.Now()};
    if (has_length) head.content_length = body.size();
    head_ = std::move(io_.spare_head);
    head_.clear();
    AppendAnswerHead(head_, response_, head);
    if (body_.size() <= kCopiedBody)
      head_ += std::exchange(body_, std::string_view());  // one piece costs less than two
    sent_ = 0;
    const std::chrono::milliseconds at_rate(1000 * body.size() /
                                            std::max<std::size_t>(1, io_.options.write_bytes_per_second));
    written_by_ = CoarseNow() + io_.options.write_deadline + at_rate;
    WriteSome();
  }

  // In pieces: a socket that takes nothing for a while is given up, and one that takes too little of it all.
  void WriteSome() {
    if (!socket_.is_open()) return Forget();
    const std::string_view head = std::string_view(head_).substr(std::min(sent_, head_.size()));
    const std::string_view body = body_.substr(sent_ - std::min(sent_, head_.size()));
    const Tried tried = socket_.TrySendBoth(head, body);
    if (tried.is_over()) return Forget();
    if (tried.must_wait()) {
      if (phase_ != Phase::kWriting) EnterWriting();
      return WaitFor(tried.wait(), &Session::WriteSome);
    }
    sent_ += tried.size;
    if (sent_ == head_.size() + body_.size()) return OnWritten();
    EnterWriting();
    // Other connections have their turn before the next piece.
    asio::post(io_.context, [self = shared_from_this()] { self->WriteSome(); });
  }

  void EnterWriting() {
    Enter(Phase::kWriting, io_.options.write_deadline);
    deadline_ = std::min(deadline_, written_by_);
  }

  void WaitFor(asio::socket_base::wait_type wait, void (Session::*next)()) {
    socket_.raw().async_wait(wait, [self = shared_from_this(), next](boost::system::error_code error) {
      if (error && !self->timed_out_) return self->Forget();
      (self.get()->*next)();
    });
  }

  void OnWritten() {
    constexpr std::size_t kMostSpare = 4096;
    if (head_.capacity() <= kMostSpare) io_.spare_head = std::move(head_);
    head_ = std::string();
    body_ = {};
    response_ = Response();
    ReleaseAnswer();
    if (!keep_alive_ || closing_) return Linger();
    // When the others have had their turn: by then the next request is often there, and a read that finds nothing costs
    // as much as one that does.
    if (buffer_.size() > 0) {
      Enter(Phase::kHeader, io_.options.header_deadline);  // it was sent ahead
    } else {
      Enter(Phase::kIdle, io_.options.idle_deadline);
    }
    asio::post(io_.context, [self = shared_from_this()] { self->WaitForRequest(); });
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

  void HandOver(Response&& response) {
    std::string head;
    AppendAnswerHead(head, response, {.version = version_, .keep_alive = false, .date = io_.date.Now()});
    handed_over_ = true;
    io_.sessions.erase(shared_from_this());  // the handler that called us still holds it
    StartStream(io_, std::move(socket_), std::move(response.stream), std::move(head));
  }

  void Forget() {
    Close();
    io_.sessions.erase(shared_from_this());
  }

  // "1a2b3c-17": the second of the start and a number.
  static std::string NextRequestId() {
    static const std::uint64_t start = static_cast<std::uint64_t>(std::time(nullptr)) & 0xffffff;
    static std::atomic<std::uint64_t> next{1};
    constexpr std::size_t kStartDigits = 6;
    std::array<char, 32> text;
    const auto begin = std::to_chars(text.data(), text.data() + text.size(), start | 0x1000000, 16);
    // The seventh digit was there to keep the zeros of the others.
    char* const first = begin.ptr - kStartDigits;
    *begin.ptr = '-';
    const auto end =
        std::to_chars(begin.ptr + 1, text.data() + text.size(), next.fetch_add(1, std::memory_order_relaxed), 16);
    return std::string(first, static_cast<std::size_t>(end.ptr - first));
  }

  static constexpr std::chrono::milliseconds kLingerWhenStopping{500};
  static constexpr std::size_t kMostDrained = 64u << 20;
  static constexpr std::size_t kSmallAnswer = 4u << 10;  // is sent whatever others hold
  static constexpr std::size_t kCopiedBody = 1u << 10;
  static constexpr std::size_t kHeaderPiece = 4u << 10;  // of one read
  static constexpr std::size_t kBodyPiece = 64u << 10;

  IoThread& io_;
  Socket socket_;
  beast::flat_buffer buffer_;            // what has come and is not parsed yet
  std::optional<RequestParser> parser_;  // from the first byte of a request to its last
  std::shared_ptr<HeldRequest> held_;    // while a body is read
  std::string peer_;
  std::optional<Response> at_once_;  // that the handler gave while it was called
  Response response_;                // that is being written, …
  std::string head_;                 // … its head, …
  std::string_view body_;            // … and its body, where there is one to send
  std::size_t sent_ = 0;             // of both
  std::size_t answer_reserved_ = 0;
  Clock::time_point written_by_ = Clock::time_point::max();
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point stop_by_ = Clock::time_point::max();  // at a stop: for the rest of a request
  Clock::time_point shaking_since_;
  std::list<Session*>::iterator place_;  // in io_.shaking_hands
  unsigned version_ = 11;
  Phase phase_ = Phase::kIdle;
  bool timed_out_ = false;
  bool keep_alive_ = true;
  bool is_head_ = false;
  bool is_get_ = false;
  bool is_calling_ = false;
  bool closing_ = false;
  bool handed_over_ = false;
  bool is_shaking_hands_ = false;
  bool waits_for_handshake_ = false;
};

void Responder::State::Deliver(Response&& response) {
  if (io_.context.get_executor().running_in_this_thread()) {
    const auto held = session_.lock();
    if (!held || held->TakeAtOnce(response)) return;
  }
  asio::post(io_.context, [session = session_, response = std::move(response)]() mutable {
    if (const auto held = session.lock()) held->OnAnswer(std::move(response));
  });
}

void StartSession(IoThread& io, TcpSocket socket) {
  auto session = std::make_shared<Session>(io, std::move(socket));
  io.sessions.insert(session);
  session->Start();
  if (io.stopping) session->ShutDown();
}

void TickSessions(IoThread& io) {
  const auto now = CoarseNow();
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
