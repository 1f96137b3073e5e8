#include "bench/server/load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <ctime>
#include <memory>
#include <new>
#include <queue>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

namespace guidon::bench {
namespace {

constexpr auto kPatience = std::chrono::minutes(2);

// Memory that forked processes share with this one.
template <typename T>
T* MakeShared() {
  void* const memory = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("no memory to share with clients");
  return new (memory) T;
}

template <typename Body>
int Fork(const std::function<void()>& when_forked, Body body) {
  const pid_t process = ::fork();
  if (process < 0) throw std::runtime_error("no process for clients");
  if (process > 0) return process;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (when_forked) when_forked();
  body();
  ::_exit(0);
}

void EndAll(std::vector<int>& processes) {
  for (const int process : processes) ::kill(process, SIGKILL);
  for (const int process : processes) ::waitpid(process, nullptr, 0);
  processes.clear();
}

// From 127.0.0.(2 + `process`). -1 when the server takes no connection.
int Connect(std::uint16_t port, int process) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + static_cast<std::uint32_t>(process));
  const int on = 1;
  ::setsockopt(socket, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (socket < 0 || ::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return -1;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return socket;
  ::close(socket);
  return -1;
}

// What comes on a stream, told apart no further than this needs.
class Frames {
 public:
  // Calls `on_frame` with the first letter of each event's name once the event is whole.
  template <typename OnFrame>
  void Take(std::string_view bytes, OnFrame on_frame) {
    while (!bytes.empty()) {
      const std::size_t end = std::min(bytes.find('\n'), bytes.size());
      const std::size_t kept = std::min(end, line_.size() - length_);
      std::memcpy(line_.data() + length_, bytes.data(), kept);
      length_ += kept;
      if (end == bytes.size()) return;
      bytes.remove_prefix(end + 1);
      const std::string_view line(line_.data(), std::exchange(length_, 0));
      if (line.starts_with("event: ") && line.size() > 7) name_ = line[7];
      if (line.starts_with("HTTP/1.1 ")) std::from_chars(line.data() + 9, line.data() + line.size(), status_);
      if (line.starts_with("Retry-After: ")) std::from_chars(line.data() + 13, line.data() + line.size(), retry_after_);
      if (line.empty() && name_ != 0) on_frame(std::exchange(name_, '\0'));
    }
  }
  int status() const { return status_; }
  int retry_after() const { return retry_after_; }

 private:
  std::array<char, 24> line_{};  // its beginning
  std::size_t length_ = 0;
  char name_ = 0;
  int status_ = 0, retry_after_ = 1;
};

}  // namespace

std::int64_t MonotonicNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

double CpuSeconds(int process) {
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

// ---- Streams
// ---------------------------------------------------------------------------------------------------------

struct StreamLoad::Shared {
  std::atomic<std::uint64_t> snapshots{0}, changes{0};
  std::atomic<std::int64_t> last_snapshot{0}, last_change{0};
  std::atomic<int> sent_away{0};
  std::atomic<bool> has_failed{false};
};

namespace {

struct OneStream {
  int socket = -1;
  bool is_stalled = false, is_ready = false;
  Frames frames;
  SSL* tls = nullptr;
};

void Raise(std::atomic<std::int64_t>& last, std::int64_t now) {
  std::int64_t held = last.load();
  while (held < now && !last.compare_exchange_weak(held, now)) continue;
}

// The streams of one process, in one epoll.
template <typename Shared>
class Streams {
 public:
  Streams(const StreamLoadOptions& options, Shared& shared, int process, int count, int stalled)
      : options_(options), shared_(shared), process_(process), streams_(static_cast<std::size_t>(count)) {
    for (int i = 0; i < stalled; ++i) streams_[static_cast<std::size_t>(i)].is_stalled = true;
    if (options.tls_ca.empty()) return;
    tls_ = SSL_CTX_new(TLS_client_method());
    if (SSL_CTX_load_verify_locations(tls_, options.tls_ca.c_str(), nullptr) != 1) Fail();
    SSL_CTX_set_verify(tls_, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(tls_, SSL_MODE_RELEASE_BUFFERS);
  }

  [[noreturn]] void Run() {
    for (OneStream& stream : streams_) Open(stream);
    std::array<epoll_event, 256> events;
    while (true) {
      const int count = ::epoll_wait(poller_, events.data(), static_cast<int>(events.size()), later_.empty() ? -1 : 5);
      for (int i = 0; i < count; ++i) Receive(*static_cast<OneStream*>(events[static_cast<std::size_t>(i)].data.ptr));
      while (!later_.empty() && later_.top().first <= MonotonicNs()) {
        OneStream* const stream = later_.top().second;
        later_.pop();
        Open(*stream);
      }
    }
  }

 private:
  [[noreturn]] void Fail() {
    shared_.has_failed = true;
    ::_exit(1);
  }

  void Open(OneStream& stream) {
    stream.frames = {};
    stream.socket = Connect(options_.port, process_);
    if (stream.socket < 0) Fail();
    if (stream.is_stalled) {
      const int bytes = 4096;
      ::setsockopt(stream.socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
    if (tls_ != nullptr) {
      stream.tls = SSL_new(tls_);
      SSL_set_fd(stream.tls, stream.socket);
      const auto size = static_cast<int>(options_.request.size());
      if (SSL_connect(stream.tls) != 1 || SSL_write(stream.tls, options_.request.data(), size) != size) Fail();
    } else if (::send(stream.socket, options_.request.data(), options_.request.size(), MSG_NOSIGNAL) !=
               static_cast<ssize_t>(options_.request.size())) {
      Fail();
    }
    ::fcntl(stream.socket, F_SETFL, O_NONBLOCK);
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    wanted.data.ptr = &stream;
    epoll_ctl(poller_, EPOLL_CTL_ADD, stream.socket, &wanted);
  }

  ssize_t Read(OneStream& stream) {
    if (stream.tls == nullptr) return ::recv(stream.socket, bytes_->data(), bytes_->size(), MSG_DONTWAIT);
    const int n = SSL_read(stream.tls, bytes_->data(), static_cast<int>(bytes_->size()));
    errno = n <= 0 && SSL_get_error(stream.tls, n) == SSL_ERROR_WANT_READ ? EAGAIN : 0;
    return n < 0 && errno == 0 ? 0 : n;
  }

  void Receive(OneStream& stream) {
    while (true) {
      const ssize_t n = Read(stream);
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return ComeBack(stream);
      std::uint64_t changes = 0;
      stream.frames.Take({bytes_->data(), static_cast<std::size_t>(n)}, [&](char name) {
        if (name == 's' && !std::exchange(stream.is_ready, true)) {
          Raise(shared_.last_snapshot, MonotonicNs());
          ++shared_.snapshots;
        }
        if (name == 'c') ++changes;
      });
      if (const int status = stream.frames.status(); status != 200 && status != 0) return ComeBack(stream);
      if (stream.is_stalled && stream.is_ready) {
        ::epoll_ctl(poller_, EPOLL_CTL_DEL, stream.socket, nullptr);
        return;
      }
      if (changes > 0) {
        Raise(shared_.last_change, MonotonicNs());
        shared_.changes += changes;
      }
      if (static_cast<std::size_t>(n) < bytes_->size() && stream.tls == nullptr) return;
    }
  }

  // A stream that ended in its middle is a failure; one that was sent away is not.
  void ComeBack(OneStream& stream) {
    const int status = stream.frames.status();
    if (stream.is_ready || (status != 429 && status != 503)) Fail();
    ++shared_.sent_away;
    ::close(stream.socket);
    later_.emplace(MonotonicNs() + stream.frames.retry_after() * 1'000'000'000LL, &stream);
  }

  const StreamLoadOptions& options_;
  Shared& shared_;
  const int process_;
  const int poller_ = ::epoll_create1(EPOLL_CLOEXEC);
  SSL_CTX* tls_ = nullptr;
  std::vector<OneStream> streams_;
  using Later = std::pair<std::int64_t, OneStream*>;
  std::priority_queue<Later, std::vector<Later>, std::greater<>> later_;
  const std::unique_ptr<std::array<char, 64 << 10>> bytes_ = std::make_unique<std::array<char, 64 << 10>>();
};

}  // namespace

StreamLoad::StreamLoad(StreamLoadOptions options) : options_(std::move(options)), shared_(MakeShared<Shared>()) {
  int left = options_.streams, stalled = options_.stalled;
  for (int i = 0; i < options_.processes; ++i) {
    const int share = left / (options_.processes - i), its_stalled = stalled / (options_.processes - i);
    left -= share;
    stalled -= its_stalled;
    processes_.push_back(
        Fork(options_.when_forked, [&] { Streams<Shared>(options_, *shared_, i, share, its_stalled).Run(); }));
  }
}

StreamLoad::~StreamLoad() {
  EndAll(processes_);
  ::munmap(shared_, sizeof(Shared));
}

namespace {

// Looks every tenth of a millisecond: the moment itself is what the clients noted.
template <typename Condition>
bool WaitFor(const std::atomic<bool>& has_failed, Condition condition) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (has_failed || std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  return true;
}

}  // namespace

std::optional<std::int64_t> StreamLoad::WaitForSnapshots() {
  const auto wanted = static_cast<std::uint64_t>(options_.streams);
  if (!WaitFor(shared_->has_failed, [&] { return shared_->snapshots >= wanted; })) return std::nullopt;
  return shared_->last_snapshot.load();
}

std::optional<std::int64_t> StreamLoad::WaitForChange(std::uint64_t number) {
  const std::uint64_t wanted = number * static_cast<std::uint64_t>(options_.streams - options_.stalled);
  if (!WaitFor(shared_->has_failed, [&] { return shared_->changes >= wanted; })) return std::nullopt;
  return shared_->last_change.load();
}

int StreamLoad::sent_away() const {
  return shared_->sent_away;
}

// ---- Requests
// --------------------------------------------------------------------------------------------------------

namespace {

struct SharedAnswers {
  std::atomic<std::uint64_t> answers{0};
  std::atomic<int> wrong_status{0};
};

// Reads one answer; its status, 0 when there is none.
int ReadAnswer(int socket, std::string& buffer) {
  std::array<char, 64 << 10> bytes;
  buffer.clear();
  std::size_t whole = std::string::npos;
  int status = 0;
  while (buffer.size() < whole) {
    const ssize_t n = ::recv(socket, bytes.data(), bytes.size(), 0);
    if (n <= 0) return 0;
    buffer.append(bytes.data(), static_cast<std::size_t>(n));
    const std::size_t head = buffer.find("\r\n\r\n");
    if (whole != std::string::npos || head == std::string::npos) continue;
    std::from_chars(buffer.data() + 9, buffer.data() + 12, status);
    std::size_t length = 0;
    if (const std::size_t at = buffer.find("Content-Length: "); at < head && status != 304) {
      std::from_chars(buffer.data() + at + 16, buffer.data() + head, length);
    }
    whole = head + 4 + length;
  }
  return status;
}

struct Asker {
  int socket = -1;
  int number = 0;  // of the connection
  std::uint64_t asked = 0;

  // What cannot be sent is not answered, which is noticed there.
  void Ask(const RequestLoadOptions& options) {
    const std::string request = options.request(number, asked++);
    (void)!::send(socket, request.data(), request.size(), MSG_NOSIGNAL);
  }
};

[[noreturn]] void AskForEver(const RequestLoadOptions& options, SharedAnswers& shared, int process) {
  const int count = std::max(1, options.connections / options.processes);
  std::vector<Asker> askers;
  for (int i = 0; i < count; ++i) {
    askers.push_back({Connect(options.port, process), process * count + i});
    askers.back().Ask(options);
  }
  std::string answer;
  while (true) {
    for (Asker& asker : askers) {
      const int status = ReadAnswer(asker.socket, answer);
      if (status != options.status || answer.find(options.answer_has) == std::string::npos) {
        shared.wrong_status = status == 0 ? -1 : status;
        ::_exit(1);
      }
      ++shared.answers;
      asker.Ask(options);
    }
  }
}

}  // namespace

std::function<std::string(int, std::uint64_t)> SameRequest(std::string request) {
  return [request = std::move(request)](int, std::uint64_t) { return request; };
}

RequestRate MeasureRequests(int server_process, const RequestLoadOptions& options) {
  auto* const shared = MakeShared<SharedAnswers>();
  std::vector<int> processes;
  for (int i = 0; i < options.processes; ++i) {
    processes.push_back(Fork(options.when_forked, [&] { AskForEver(options, *shared, i); }));
  }
  const auto sleep = [&](double seconds) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (shared->wrong_status == 0 && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  };
  sleep(options.seconds / 4);  // so that connections and caches are warm
  const double cpu = CpuSeconds(server_process);
  const std::int64_t begin = MonotonicNs();
  const std::uint64_t answers = shared->answers;
  sleep(options.seconds);
  const auto counted = static_cast<double>(shared->answers - answers);
  const double seconds = static_cast<double>(MonotonicNs() - begin) * 1e-9;
  const double used = CpuSeconds(server_process) - cpu;
  const int wrong = shared->wrong_status;
  EndAll(processes);
  ::munmap(shared, sizeof *shared);
  if (wrong != 0 || counted == 0) {
    const std::string request = options.request(0, 0);
    throw std::runtime_error("expected answers " + std::to_string(options.status) +
                             (options.answer_has.empty() ? "" : " with " + options.answer_has) + ", not " +
                             std::to_string(wrong) + ", to " + request.substr(0, request.find('\r')));
  }
  return {counted / seconds, counted / used};
}

}  // namespace guidon::bench
