#include "sdk/source/transport_client.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <utility>

namespace guidon::internal {
namespace {

net::HttpFailure FailureOf(TransportFailure failure) {
  switch (failure) {
    case TransportFailure::kAnswered:
      return net::HttpFailure::kNone;
    case TransportFailure::kConnect:
      return net::HttpFailure::kConnect;
    case TransportFailure::kTls:
      return net::HttpFailure::kTls;
    case TransportFailure::kTimeout:
      return net::HttpFailure::kTimeout;
    case TransportFailure::kClosed:
      return net::HttpFailure::kClosed;
    case TransportFailure::kStopped:
      return net::HttpFailure::kStopped;
    case TransportFailure::kRefused:
      return net::HttpFailure::kRefused;
    case TransportFailure::kInvalid:
      return net::HttpFailure::kInvalid;
  }
  return net::HttpFailure::kClosed;  // a number that is none of ours
}

net::HttpResponse ResponseOf(TransportResponse response) {
  return {response.status, std::move(response.headers), std::move(response.body)};
}

class TransportClient final : public net::HttpClient {
 public:
  explicit TransportClient(std::unique_ptr<Transport> transport) : transport_(std::move(transport)) {}

  net::HttpResult Send(const net::HttpRequest& request) override {
    return Call([&] { return transport_->Send(RequestOf(request)); });
  }

  net::HttpResult Stream(const net::HttpRequest& request, const OnHead& on_head, const OnBytes& on_bytes) override {
    const auto head = [&](const TransportResponse& response) { return on_head(ResponseOf(response)); };
    return Call([&] { return transport_->Stream(RequestOf(request), head, on_bytes); });
  }

  bool Stop(std::chrono::milliseconds wait) override {
    transport_->Stop();
    std::unique_lock<std::mutex> lock(mutex_);
    return idle_.wait_for(lock, wait, [this] { return !busy_; });
  }

 private:
  static TransportRequest RequestOf(const net::HttpRequest& request) {
    return {request.method, request.path, request.headers, request.body};
  }

  template <typename F>
  net::HttpResult Call(F call) {
    SetBusy(true);
    net::HttpResult result;
    try {
      TransportResult given = call();
      result = {FailureOf(given.failure), std::move(given.message), ResponseOf(std::move(given.response))};
      if (!result.ok() && result.message.empty()) result.message = "the transport of the application failed";
    } catch (const std::exception& e) {
      result.failure = net::HttpFailure::kClosed;
      result.message = std::string("the transport of the application threw: ") + e.what();
    } catch (...) {
      result.failure = net::HttpFailure::kClosed;
      result.message = "the transport of the application threw";
    }
    SetBusy(false);
    return result;
  }
  void SetBusy(bool busy) {
    const std::lock_guard<std::mutex> lock(mutex_);
    busy_ = busy;
    if (!busy) idle_.notify_all();
  }

  const std::unique_ptr<Transport> transport_;
  std::mutex mutex_;
  std::condition_variable idle_;
  bool busy_ = false;  // guarded by mutex_
};

class NoTransport final : public net::HttpClient {
 public:
  net::HttpResult Send(const net::HttpRequest&) override { return Nothing(); }
  net::HttpResult Stream(const net::HttpRequest&, const OnHead&, const OnBytes&) override { return Nothing(); }
  bool Stop(std::chrono::milliseconds) override { return true; }

 private:
  static net::HttpResult Nothing() {
    return {net::HttpFailure::kInvalid, "the application's ClientConfig::transport gave no transport", {}};
  }
};

}  // namespace

std::unique_ptr<net::HttpClient> AdaptTransport(std::unique_ptr<Transport> transport) {
  if (transport == nullptr) return std::make_unique<NoTransport>();
  return std::make_unique<TransportClient>(std::move(transport));
}

}  // namespace guidon::internal
