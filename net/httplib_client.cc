// The HttpClient over cpp-httplib 0.11, and what it takes to make that one stop.
//
// Its own stop() is lost when no socket is open yet, and over TLS it writes to the socket from the stopping thread,
// which can raise SIGPIPE there. Therefore we keep a duplicate of the descriptor of every socket that it creates and
// shut that down: this reaches the connection, wakes whoever waits on it, and cannot hit a descriptor that was closed
// and given to somebody else meanwhile. A socket that is shut down before it is connected does not notice, so Stop
// repeats it until the call is over. SIGPIPE is blocked in the calling thread during a call.
//
// It keeps what it reads of a line until the end of the line, however far that is, and all the headers that come; and
// it gives the status line to std::regex, which recurses: some 20 000 bytes of it use up a stack of 8 MiB. So it reads
// through a stream of ours, which bounds that (BoundedStream).
//
// fork(): all locks are taken around it. In the child, the descriptors of calls under way are closed; only close(2) is
// called on them, so that nothing goes out and the parent's connection is not shut down. When the thread that forks is
// itself within a call (in a handler of Stream), the child's copy of it goes on: it finds a socket that is connected to
// nobody in place of the parent's, and its call ends. OpenSSL has locks of the whole process that it takes while it
// sets up, uses and ends a connection, and a child would inherit them locked: a fork waits until nobody is doing that
// (TlsGate, TlsTurn).
#include <fcntl.h>
#include <httplib.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <climits>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "net/http_client.h"

namespace guidon::net {
namespace {

using Clock = std::chrono::steady_clock;

// Blocks SIGPIPE for the calling thread, and swallows one that came up meanwhile.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~WithoutSigpipe() {
    const timespec at_once{};
    if (!was_pending_) {
      while (sigtimedwait(&pipe_, nullptr, &at_once) == -1 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool was_pending_ = false;
};

// The socket of the call under way, for the thread that stops it.
class Connection {
 public:
  ~Connection() { Close(); }

  void Watch(int socket) {
    std::lock_guard<std::mutex> lock(mutex_);
    CloseLocked();
    socket_ = socket;
    copy_ = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  }
  void Shutdown() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (copy_ >= 0) shutdown(copy_, SHUT_RDWR);
  }
  void Close() {
    std::lock_guard<std::mutex> lock(mutex_);
    CloseLocked();
  }

  // In the child of a fork, which has mutex_ locked. `is_used`: the calling thread is within the call.
  void AbandonInChild(bool is_used) {
    if (copy_ < 0) return;
    // The library may have closed its own meanwhile, and the number may be somebody else's.
    struct stat ours {
    }, theirs{};
    const bool is_open = fstat(copy_, &ours) == 0 && fstat(socket_, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
                         ours.st_ino == theirs.st_ino;
    if (!is_used) {
      if (is_open) close(socket_);
      CloseLocked();
      return;
    }
    const int to_nobody = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (is_open) dup3(to_nobody, socket_, O_CLOEXEC);
    dup3(to_nobody, copy_, O_CLOEXEC);
    close(to_nobody);
  }
  std::mutex& mutex() { return mutex_; }
  // Whether it came so far in this call as to have an address to connect to.
  bool has_socket() {
    std::lock_guard<std::mutex> lock(mutex_);
    return copy_ >= 0;
  }

 private:
  void CloseLocked() {
    if (copy_ >= 0) close(copy_);
    copy_ = -1;
  }

  std::mutex mutex_;  // guards both
  int socket_ = -1;   // the library's
  int copy_ = -1;
};

// Where OpenSSL may hold locks of the whole process. A fork closes it: from then on nobody enters, and the fork waits
// until nobody is inside. Who is inside computes and waits for nobody (TlsTurn), so that is soon; a fork waits at most
// kPatience all the same, for whom a disk or a core keeps waiting, and a child of such a fork may hang in TLS.
class TlsGate {
 public:
  static constexpr std::chrono::seconds kPatience{5};

  // Waits while a fork waits or is under way. Returns what Leave takes.
  unsigned Enter() {
    std::unique_lock<std::mutex> lock(mutex_);
    opened_->wait(lock, [this] { return forks_ == 0; });
    ++inside_;
    return generation_;
  }
  void Leave(unsigned generation) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (generation != generation_) return;  // of the parent's
    if (--inside_ == 0) empty_->notify_all();
  }

  // Returns with the lock held.
  void CloseForFork() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++forks_;
    empty_->wait_for(lock, kPatience, [this] { return inside_ == 0; });
    lock.release();
  }
  void OpenInParent() {
    if (--forks_ == 0) opened_->notify_all();
    mutex_.unlock();
  }
  void OpenInChild() {
    ++generation_;
    inside_ = forks_ = 0;
    for (auto* changed : {&empty_, &opened_}) {
      changed->release();  // threads that are not here wait on it: not to be used or destroyed
      *changed = std::make_unique<std::condition_variable>();
    }
    mutex_.unlock();
  }

 private:
  std::mutex mutex_;  // guards the rest
  std::unique_ptr<std::condition_variable> empty_ = std::make_unique<std::condition_variable>();
  std::unique_ptr<std::condition_variable> opened_ = std::make_unique<std::condition_variable>();
  unsigned generation_ = 0;  // of processes
  int forks_ = 0;            // that wait or are under way
  int inside_ = 0;
};

// Of one call: inside the gate whenever OpenSSL is at work for it, outside while it waits for the network or is in a
// handler, which may fork. Within a handshake, where the library waits, OpenSSL tells when.
//
// One thing is not told: that a handshake's time is over. Then what there is of it is freed outside.
//
// Thread: the one that calls.
class TlsTurn {
 public:
  // null: without TLS, where nothing is done. The gate outlives the turn.
  explicit TlsTurn(TlsGate* gate) : gate_(gate) {}
  ~TlsTurn() { Leave(); }
  TlsTurn(const TlsTurn&) = delete;
  TlsTurn& operator=(const TlsTurn&) = delete;

  // Both do nothing where it is done already.
  void Enter() {
    if (gate_ == nullptr || is_inside_) return;
    generation_ = gate_->Enter();
    is_inside_ = true;
  }
  void Leave() {
    if (!is_inside_) return;
    is_inside_ = false;
    gate_->Leave(generation_);
  }

  class Outside {
   public:
    explicit Outside(TlsTurn& turn) : turn_(turn) { turn_.Leave(); }
    ~Outside() { turn_.Enter(); }
    Outside(const Outside&) = delete;
    Outside& operator=(const Outside&) = delete;

   private:
    TlsTurn& turn_;
  };

  // For handshakes; the turn outlives the context's connections.
  void Follow(SSL_CTX* context) {
    SSL_CTX_set_app_data(context, this);
    SSL_CTX_set_info_callback(context, [](const SSL* tls, int where, int result) {
      if (where != SSL_CB_CONNECT_EXIT) return;
      TlsTurn& turn = *static_cast<TlsTurn*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls)));
      const int why = SSL_get_error(tls, result);
      if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        turn.Leave();
      } else {
        turn.Enter();
      }
    });
    // The first that is heard when something has come: it has read the five bytes before a record.
    SSL_CTX_set_msg_callback_arg(context, this);
    SSL_CTX_set_msg_callback(context, [](int, int, int, const void*, std::size_t, SSL*, void* turn) {
      static_cast<TlsTurn*>(turn)->Enter();
    });
  }

 private:
  TlsGate* const gate_;
  bool is_inside_ = false;
  unsigned generation_ = 0;
};

// What has to be told of a fork. One at a time holds, frees or continues all of them.
class ForkHandled {
 public:
  virtual void HoldForFork() = 0;
  virtual void FreeInParent() = 0;
  virtual void ContinueInChild() = 0;

 protected:
  ~ForkHandled() = default;
};

class Forks {
 public:
  // Never destroyed: the process may fork until it is gone.
  static Forks& Get() {
    static Forks* const forks = new Forks;
    return *forks;
  }
  void Add(ForkHandled& client) {
    std::lock_guard<std::mutex> lock(mutex_);
    clients_.push_back(&client);
  }
  void Remove(ForkHandled& client) {
    std::lock_guard<std::mutex> lock(mutex_);
    clients_.erase(std::find(clients_.begin(), clients_.end(), &client));
  }
  TlsGate& tls() { return tls_; }

 private:
  Forks() {
    pthread_atfork([] { Get().Hold(); }, [] { Get().FreeInParent(); }, [] { Get().ContinueInChild(); });
  }
  void Hold() {
    tls_.CloseForFork();
    mutex_.lock();
    for (ForkHandled* client : clients_) client->HoldForFork();
  }
  void FreeInParent() {
    for (ForkHandled* client : clients_) client->FreeInParent();
    mutex_.unlock();
    tls_.OpenInParent();
  }
  void ContinueInChild() {
    for (ForkHandled* client : clients_) client->ContinueInChild();
    mutex_.unlock();
    tls_.OpenInChild();
  }

  TlsGate tls_;
  std::mutex mutex_;
  std::vector<ForkHandled*> clients_;  // guarded by mutex_
};

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

bool IsSafeValue(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// A method or the name of a header: RFC 9110's token.
bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

// What may stand between the blanks of a request line.
bool IsTarget(std::string_view text) {
  return !text.empty() && text.front() == '/' &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// "" or what is wrong with a request.
std::string FaultOf(const HttpRequest& request) {
  if (!IsToken(request.method)) return "the method is none";
  if (!IsTarget(request.path)) return "the path has to begin with '/' and be encoded";
  for (const auto& [name, value] : request.headers) {
    if (!IsToken(name)) return "a header's name is none";
    if (!IsSafeValue(value)) return "the header " + name + " holds a line end";
  }
  return "";
}

// Shuts the connection down when a call takes too long. A thread of its own, for the calling one is blocked.
class Deadline {
 public:
  Deadline(Connection& connection, std::chrono::milliseconds time)
      : connection_(connection), until_(Clock::now() + time), thread_([this] { Run(); }) {}
  ~Deadline() { Disarm(); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  // Afterwards there is no thread any more: a handler of Stream may fork.
  void Disarm() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      is_over_ = true;
      changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }
  bool passed() const { return passed_; }

 private:
  void Run() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (changed_.wait_until(lock, until_, [&] { return is_over_; })) return;
    passed_ = true;
    // Again and again: a socket that is not connected yet does not notice.
    do connection_.Shutdown();
    while (!changed_.wait_for(lock, std::chrono::milliseconds(5), [&] { return is_over_; }));
  }

  Connection& connection_;
  const Clock::time_point until_;
  std::atomic<bool> passed_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_over_ = false;  // guarded by mutex_
  std::thread thread_;    // last: it uses the others
};

// What may come by lines. The library reads these a byte at a time, and bodies in larger pieces, so a single byte is of
// the head or of a chunk's size (or all of a piece of the body, which then starts anew).
class LineBounds {
 public:
  // What `size` asked for has come; false when it is too much.
  bool Take(std::string_view bytes, std::size_t size) {
    if (size != 1) {
      Restart();
      return true;
    }
    ++all_;
    ++line_;
    const std::size_t most = to_status_ == 0 ? kMostStatusBytes : kMostLineBytes;
    are_passed_ = are_passed_ || line_ > most || all_ > kMostBytes || lines_ >= kMostLines;
    if (to_status_ == 0 && line_ >= 10 && line_ <= 12) status_ = status_ * 10 + (bytes.front() - '0');
    if (bytes.front() == '\n') EndLine();
    return !are_passed_;
  }
  // The head is there.
  void EndHead() {
    to_status_ = -1;
    Restart();
  }
  // Something of the body is there.
  void Restart() { all_ = line_ = lines_ = 0; }

  bool are_passed() const { return are_passed_; }

 private:
  // After "HTTP/1.1 100 …" the library takes the next line for an empty one, and the one after it for a status line.
  void EndLine() {
    if (to_status_ == 0) {
      to_status_ = status_ == 100 ? 1 : -1;
    } else if (to_status_ > 0) {
      --to_status_;
    }
    status_ = 0;
    line_ = 0;
    ++lines_;
  }

  static constexpr std::size_t kMostStatusBytes = 256;
  static constexpr std::size_t kMostLineBytes = 8'192;  // as the library has for a header once it is there
  static constexpr std::size_t kMostBytes = 65'536;
  static constexpr std::size_t kMostLines = 256;

  bool are_passed_ = false;
  int to_status_ = 0;  // lines until the next status line; 0: this is one; -1: there is none any more
  int status_ = 0;     // its number, as far as it is there
  std::size_t all_ = 0;
  std::size_t line_ = 0;  // bytes of this line
  std::size_t lines_ = 0;
};

// A connection, plain or TLS, as the library reads from and writes to it. Blocks for at most the times given, which are
// between two bytes, and while it waits it is outside of the gate.
class BoundedStream final : public httplib::Stream {
 public:
  // `tls` is null without. The bounds and the turn outlive the stream; the turn is outside.
  BoundedStream(int socket, SSL* tls, std::chrono::milliseconds silence, LineBounds& bounds, TlsTurn& turn)
      : socket_(socket), tls_(tls), silence_(silence), bounds_(bounds), turn_(turn) {
    if (tls_ == nullptr) return;
    SSL_clear_mode(tls_, SSL_MODE_AUTO_RETRY);                      // what is no data must not make a read wait
    fcntl(socket_, F_SETFL, fcntl(socket_, F_GETFL) | O_NONBLOCK);  // nor half a record, within the gate
  }

  bool is_readable() const override { return HasBytes() || Wait(POLLIN); }
  bool is_writable() const override { return Wait(POLLOUT); }
  socket_t socket() const override { return socket_; }
  // For servers.
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}

  ssize_t read(char* data, std::size_t size) override {
    if (bounds_.are_passed()) return -1;
    const ssize_t got = tls_ != nullptr ? ReadTls(data, size) : ReadPlain(data, size);
    if (got <= 0) return got;
    return bounds_.Take({data, static_cast<std::size_t>(got)}, size) ? got : -1;
  }

  ssize_t write(const char* data, std::size_t size) override {
    if (tls_ != nullptr) {
      return OverTls([&] { return SSL_write(tls_, data, Clamped(size)); }, POLLOUT);
    }
    while (Wait(POLLOUT)) {
      const ssize_t put = send(socket_, data, size, MSG_NOSIGNAL);
      if (put >= 0 || errno != EINTR) return put;
    }
    return -1;
  }

 private:
  static int Clamped(std::size_t size) { return static_cast<int>(std::min<std::size_t>(size, INT_MAX)); }

  bool HasBytes() const { return tls_ != nullptr ? SSL_pending(tls_) > 0 : begin_ < end_; }

  bool Wait(short events) const {
    const auto until = Clock::now() + silence_;
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
      pollfd waits{socket_, events, 0};
      const int ready = poll(&waits, 1, static_cast<int>(std::clamp<long long>(left, 0, INT_MAX)));
      if (ready > 0) return true;
      if (ready == 0 ? Clock::now() >= until : errno != EINTR) return false;
    }
  }

  ssize_t ReadPlain(char* data, std::size_t size) {
    while (begin_ == end_) {
      if (!Wait(POLLIN)) return -1;
      const ssize_t got = recv(socket_, buffer_, sizeof buffer_, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return got;
      begin_ = 0;
      end_ = static_cast<std::size_t>(got);
    }
    const std::size_t given = std::min(size, end_ - begin_);
    std::memcpy(data, buffer_ + begin_, given);
    begin_ += given;
    return static_cast<ssize_t>(given);
  }

  ssize_t ReadTls(char* data, std::size_t size) {
    return OverTls([&] { return SSL_read(tls_, data, Clamped(size)); }, POLLIN);
  }

  // 0: the other side ended TLS.
  template <typename Step>
  ssize_t OverTls(Step step, short events) {
    while (true) {
      const bool is_decrypted = events == POLLIN && HasBytes();  // and taken byte by byte, without locks
      if (!is_decrypted) {
        if (!Wait(events)) return -1;
        turn_.Enter();
      }
      ERR_clear_error();
      const int done = step();
      const int why = done > 0 ? SSL_ERROR_NONE : SSL_get_error(tls_, done);
      turn_.Leave();
      if (done > 0) return done;
      switch (why) {
        case SSL_ERROR_WANT_READ:  // TLS has something to say first
          events = POLLIN;
          break;
        case SSL_ERROR_WANT_WRITE:
          events = POLLOUT;
          break;
        case SSL_ERROR_ZERO_RETURN:
          return 0;
        default:
          return -1;
      }
    }
  }

  const int socket_;
  SSL* const tls_;
  const std::chrono::milliseconds silence_;
  LineBounds& bounds_;
  TlsTurn& turn_;
  char buffer_[4'096];
  std::size_t begin_ = 0;  // of what is in the buffer and was not read yet
  std::size_t end_ = 0;
};

// The library's client, reading through a BoundedStream. `Library` is httplib::ClientImpl or httplib::SSLClient. The
// bounds and the turn outlive it.
template <typename Library>
class BoundedClient final : public Library {
 public:
  BoundedClient(const Url& url, std::chrono::milliseconds silence, LineBounds& bounds, TlsTurn& turn)
      : Library(url.host, url.port), silence_(silence), bounds_(bounds), turn_(turn) {}

 private:
  bool create_and_connect_socket(typename Library::Socket& socket, httplib::Error& error) override {
    const TlsTurn::Outside outside(turn_);
    return httplib::ClientImpl::create_and_connect_socket(socket, error);
  }
  bool process_socket(const typename Library::Socket& socket, std::function<bool(httplib::Stream&)> exchange) override {
    const TlsTurn::Outside outside(turn_);
    BoundedStream stream(socket.sock, socket.ssl, silence_, bounds_, turn_);
    return exchange(stream);
  }

  const std::chrono::milliseconds silence_;
  LineBounds& bounds_;
  TlsTurn& turn_;
};

HttpResponse HeadOf(const httplib::Response& response) {
  HttpResponse head;
  head.status = response.status;
  for (const auto& [name, value] : response.headers) head.headers.emplace_back(name, value);
  return head;
}

class HttplibClient final : public HttpClient, private ForkHandled {
 public:
  HttplibClient(Url url, HttpOptions options)
      : url_(std::move(url)), options_(std::move(options)), idle_(std::make_unique<std::condition_variable>()) {
    Forks::Get().Add(*this);
  }
  ~HttplibClient() override {
    Stop(std::chrono::milliseconds(0));
    Forks::Get().Remove(*this);
  }

  HttpResult Send(const HttpRequest& request) override {
    HttpRequest message = request;
    message.headers.emplace_back("Accept-Encoding", "gzip");
    std::string body;
    bool too_large = false;
    Exchange exchange;
    exchange.is_bounded = true;
    exchange.on_bytes = [&](std::string_view bytes) {
      too_large = bytes.size() > options_.max_body_bytes - body.size();
      if (!too_large) body.append(bytes);
      return !too_large;
    };
    HttpResult result = Run(message, exchange);
    if (too_large) result = Failed(HttpFailure::kTooLarge, "sent more than the allowed number of bytes");
    if (result.ok()) result.response.body = std::move(body);
    return result;
  }

  HttpResult Stream(const HttpRequest& request, const OnHead& on_head, const OnBytes& on_bytes) override {
    return Run(request, Exchange{on_head, on_bytes, false});
  }

  bool Stop(std::chrono::milliseconds wait) override {
    stopped_ = true;
    const auto deadline = Clock::now() + wait;
    std::unique_lock<std::mutex> lock(mutex_);
    while (busy_) {
      connection_.Shutdown();
      const auto next = std::min(deadline, Clock::now() + std::chrono::milliseconds(5));
      idle_->wait_until(lock, next, [&] { return !busy_; });
      if (busy_ && Clock::now() >= deadline) return false;
    }
    return true;
  }

 private:
  struct Exchange {
    OnHead on_head;
    OnBytes on_bytes;
    bool is_bounded = false;  // the body, too, has to be there within `total`
  };

  // Marks a call as under way; `idle_` is told when it is over.
  class Call {
   public:
    explicit Call(HttplibClient& client) : client_(client) {
      std::lock_guard<std::mutex> lock(client_.mutex_);
      client_.busy_ = true;
      client_.caller_ = std::this_thread::get_id();
    }
    ~Call() {
      client_.connection_.Close();
      std::lock_guard<std::mutex> lock(client_.mutex_);
      client_.busy_ = false;
      client_.idle_->notify_all();
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    HttplibClient& client_;
  };

  // ---- fork() ----
  void HoldForFork() override {
    mutex_.lock();
    connection_.mutex().lock();
  }
  void FreeInParent() override {
    connection_.mutex().unlock();
    mutex_.unlock();
  }
  void ContinueInChild() override {
    const bool is_used = busy_ && caller_ == std::this_thread::get_id();
    connection_.AbandonInChild(is_used);
    if (is_used) stopped_ = true;
    busy_ = is_used;
    idle_.release();  // threads that are not here wait on it: not to be used or destroyed
    idle_ = std::make_unique<std::condition_variable>();
    FreeInParent();
  }

  HttpResult Failed(HttpFailure failure, const std::string& what) const {
    HttpResult result;
    result.failure = failure;
    result.message = (url_.tls ? "https://" : "http://") + url_.Authority() + " " + what;
    return result;
  }

  HttpResult Run(const HttpRequest& request, const Exchange& exchange) {
    if (const std::string fault = FaultOf(request); !fault.empty()) {
      return Failed(HttpFailure::kInvalid, "was not asked: " + fault);
    }
    const Call call(*this);
    if (stopped_) return Failed(HttpFailure::kStopped, "was not asked: stopped");
    const WithoutSigpipe without_sigpipe;
    try {
      return Perform(request, exchange);
    } catch (const std::exception& e) {
      return Failed(HttpFailure::kClosed, std::string("could not be asked: ") + e.what());
    }
  }

  HttpResult Perform(const HttpRequest& request, const Exchange& exchange) {
    TlsTurn turn(url_.tls ? &Forks::Get().tls() : nullptr);
    turn.Enter();
    LineBounds bounds;
    const std::unique_ptr<httplib::ClientImpl> http = MakeConnection(bounds, turn);
    if (!http->is_valid()) return Failed(HttpFailure::kTls, "was not asked: TLS cannot be set up");
    if (const std::string fault = SetUpTls(*http, turn); !fault.empty()) {
      return Failed(HttpFailure::kTls, "was not asked: " + fault);
    }
    httplib::Request message;
    message.method = request.method;
    message.path = url_.prefix + request.path;
    message.headers.emplace("Host", url_.Authority());
    for (const auto& [name, value] : request.headers) message.headers.emplace(name, value);
    if (request.method != "GET") message.body = request.body;
    bool refused = false;
    std::atomic<Clock::rep> last_byte{Clock::now().time_since_epoch().count()};
    HttpResult result;
    Deadline deadline(connection_, options_.total);
    message.response_handler = [&](const httplib::Response& response) {
      if (!exchange.is_bounded) deadline.Disarm();
      last_byte = Clock::now().time_since_epoch().count();
      bounds.EndHead();
      result.response = HeadOf(response);
      refused = exchange.on_head && !exchange.on_head(result.response);
      return !refused && !stopped_;
    };
    message.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
      last_byte = Clock::now().time_since_epoch().count();
      bounds.Restart();
      refused = !exchange.on_bytes(std::string_view(data, size));
      return !refused && !stopped_;
    };
    httplib::Response response;
    httplib::Error error = httplib::Error::Success;
    const bool sent = http->send(message, response, error);
    if (stopped_) return Failed(HttpFailure::kStopped, "was left: stopped");
    if (deadline.passed()) return Failed(HttpFailure::kTimeout, "did not finish its answer in time");
    if (refused) {
      HttpResult refusal = Failed(HttpFailure::kRefused, "gave an answer that was not wanted");
      refusal.response = std::move(result.response);
      return refusal;
    }
    if (bounds.are_passed()) return Failed(HttpFailure::kTooLarge, "sent lines without end before its answer");
    if (!sent) return Explain(error, Clock::time_point(Clock::duration(last_byte)));
    if (result.response.status == 0) result.response = HeadOf(response);
    return result;
  }

  // "" or what is wrong.
  std::string SetUpTls(httplib::ClientImpl& http, TlsTurn& turn) const {
    if (!url_.tls) return "";
    SSL_CTX* const context = static_cast<httplib::SSLClient&>(http).ssl_context();
    turn.Follow(context);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    const std::string &certificate = options_.client_certificate_file, &key = options_.client_key_file;
    if (certificate.empty() && key.empty()) return "";
    if (certificate.empty() || key.empty()) return "of the client's certificate and key only one is configured";
    // An encrypted key is refused; the default asks for its password on the terminal.
    SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return -1; });
    std::string fault;
    if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
      fault = "the client's certificate '" + certificate + "' cannot be read";
    } else if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
      fault = "the client's key '" + key + "' cannot be read, is encrypted, or is not that of '" + certificate + "'";
    }
    ERR_clear_error();
    return fault;
  }

  std::unique_ptr<httplib::ClientImpl> MakeConnection(LineBounds& bounds, TlsTurn& turn) {
    std::unique_ptr<httplib::ClientImpl> http;
    if (url_.tls) {
      http = std::make_unique<BoundedClient<httplib::SSLClient>>(url_, options_.silence, bounds, turn);
      if (!options_.ca_file.empty()) http->set_ca_cert_path(options_.ca_file);
      http->enable_server_certificate_verification(true);
    } else {
      http = std::make_unique<BoundedClient<httplib::ClientImpl>>(url_, options_.silence, bounds, turn);
    }
    if (!options_.address.empty()) http->set_hostname_addr_map({{url_.host, options_.address}});
    http->set_connection_timeout(options_.connect);
    http->set_read_timeout(options_.silence);
    http->set_write_timeout(options_.silence);
    http->set_follow_location(false);
    http->set_url_encode(false);
    http->set_tcp_nodelay(true);
    http->set_socket_options([this](socket_t socket) {
      fcntl(socket, F_SETFD, FD_CLOEXEC);
      connection_.Watch(socket);
    });
    return http;
  }

  HttpResult Explain(httplib::Error error, Clock::time_point last_byte) {
    switch (error) {
      case httplib::Error::Connection:
      case httplib::Error::ConnectionTimeout:
      case httplib::Error::BindIPAddress:
        return Failed(HttpFailure::kConnect, connection_.has_socket() ? "does not accept connections"
                                                                      : "is not known: the name cannot be resolved");
      case httplib::Error::SSLConnection:
        return Failed(HttpFailure::kTls, "did not complete the TLS handshake");
      case httplib::Error::SSLLoadingCerts:
        return Failed(HttpFailure::kTls, "was not asked: the authorities in '" + options_.ca_file + "' cannot be read");
      case httplib::Error::SSLServerVerification:
        return Failed(HttpFailure::kTls, "has a certificate that is not trusted for that name");
      default:
        break;
    }
    if (Clock::now() - last_byte >= options_.silence) return Failed(HttpFailure::kTimeout, "fell silent");
    return Failed(HttpFailure::kClosed, "closed the connection before the end of its answer");
  }

  const Url url_;
  const HttpOptions options_;
  std::atomic<bool> stopped_{false};
  Connection connection_;

  std::mutex mutex_;  // guards the rest
  std::unique_ptr<std::condition_variable> idle_;
  bool busy_ = false;
  std::thread::id caller_;  // while busy
};

}  // namespace

std::string_view HttpResponse::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (EqualsIgnoringCase(key, name)) return value;
  }
  return {};
}

void HandleForks() {
  Forks::Get();
}

std::unique_ptr<HttpClient> MakeHttpClient(Url url, HttpOptions options) {
  return std::make_unique<HttplibClient>(std::move(url), std::move(options));
}

}  // namespace guidon::net
