// Evaluates flags in this process, against rules streamed from the server.
//
//   guidon::Client client(config);                       // connects in the background
//   client.WaitReady(std::chrono::seconds(2));           // or do not wait: defaults until the first ruleset is there
//   if (client.Bool("new-checkout", user, false)) { … }
//
// A read looks at one immutable ruleset in this process: it does no I/O, takes no lock, waits for nobody and never
// throws. When the server is gone, nothing changes but the age in Status().
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <guidon/client_config.h>
#include <guidon/context.h>
#include <guidon/evaluation_detail.h>
#include <guidon/export.h>
#include <guidon/status.h>
#include <guidon/value.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace guidon {

namespace internal {
class GUIDON_API ClientCore;
struct CoreOf;
struct GUIDON_API RulesetView;
}  // namespace internal

template <typename T>
class Flag;
class Peek;
class TestSource;

// Whether there is a ruleset, and if not, why not.
struct Readiness {
  bool ready = false;   // there is a ruleset, from wherever: reads are answered from it
  std::string cause{};  // "unauthorised: …", "timeout: still initialising", …; empty when ready

  explicit operator bool() const noexcept { return ready; }  // `ready`
};

// A ruleset was replaced. `flags`: whose definition changed. `anything`: something shared changed (a segment, an
// experiment, or the whole ruleset), so any flag may answer otherwise now.
struct RulesetChange {
  std::uint64_t revision = 0;        // of the ruleset that is read now
  std::vector<std::string> flags{};  // their keys, those of new and of removed flags among them
  bool anything = false;             // any flag may answer otherwise, also those that are not in `flags`
};

// Ends when it is destroyed: afterwards the callback is neither running nor called again, so hold no lock then that the
// callback takes. Within the callback itself it may end, too; that call is then the last. Its Client need not be there
// any more.
class GUIDON_API Subscription {
 public:
  Subscription() noexcept = default;                                          // of nothing
  explicit Subscription(std::function<void()> end) : end_(std::move(end)) {}  // for the SDK: `end` is called once
  ~Subscription() { End(); }                                                  // waits for a call under way

  // The other one is of nothing afterwards; what this one was of has ended.
  Subscription(Subscription&& other) noexcept : end_(std::exchange(other.end_, nullptr)) {}
  Subscription& operator=(Subscription&& other) noexcept {
    if (this != &other) {
      End();
      end_ = std::exchange(other.end_, nullptr);
    }
    return *this;
  }
  // As if it were destroyed; a second call does nothing.
  void End() {
    if (end_) std::exchange(end_, nullptr)();
  }

 private:
  std::function<void()> end_;
};

// The reads that Client, Pin and Peek share. `fallback` is returned when the flag cannot be evaluated, or serves
// nothing; ...Detail() says why. Int() is for numbers without a fraction. Cost: tens of nanoseconds; ...Detail() and
// results of text or JSON copy, so they may allocate.
//
// A read is counted, by flag, variation, reason and error, and records an exposure for each experiment that had a say
// in it, unless the answer is TYPE_MISMATCH. What is only looked at, and not shown to anybody, is read through Peek().
template <typename Reader>
class GUIDON_API Reads {
 public:
  // What the flag serves to that context; `fallback` when it cannot be evaluated, is of another type, or serves
  // nothing.
  bool Bool(std::string_view flag, const Context& context, bool fallback) const noexcept;
  std::string String(std::string_view flag, const Context& context, std::string_view fallback) const noexcept;
  std::int64_t Int(std::string_view flag, const Context& context, std::int64_t fallback) const noexcept;
  double Double(std::string_view flag, const Context& context, double fallback) const noexcept;
  Value Json(std::string_view flag, const Context& context, const Value& fallback) const noexcept;

  // Which variation is served, by its name: an index into the `count` names. `fallback` when the flag cannot be
  // evaluated, serves nothing, or a variation that is not among them. Copies no text. What `guidon generate cpp` makes
  // enumerations of.
  int Variation(std::string_view flag, const Context& context, const std::string_view* names, int count,
                int fallback) const noexcept;

  // The same with how it came about: reason, variation, rule, experiment, revision, or the error.
  EvaluationDetail<bool> BoolDetail(std::string_view flag, const Context& context, bool fallback) const noexcept;
  EvaluationDetail<std::string> StringDetail(std::string_view flag, const Context& context,
                                             std::string_view fallback) const noexcept;
  EvaluationDetail<std::int64_t> IntDetail(std::string_view flag, const Context& context,
                                           std::int64_t fallback) const noexcept;
  EvaluationDetail<double> DoubleDetail(std::string_view flag, const Context& context, double fallback) const noexcept;
  EvaluationDetail<Value> JsonDetail(std::string_view flag, const Context& context,
                                     const Value& fallback) const noexcept;
};

// One revision for many reads: whatever arrives meanwhile, all of them see the same ruleset. Cheap to make and to copy;
// keeps its ruleset alive, so hold it for a request, not for ever. In a child of fork(), make a new one.
class GUIDON_API Pin : public Reads<Pin> {
 public:
  std::uint64_t revision() const noexcept;  // of the ruleset; 0: there was none when the pin was made
  guidon::Peek Peek() const;                // at this revision

 private:
  friend class Client;
  friend class Reads<Pin>;
  template <typename T>
  friend class Flag;
  Pin(std::shared_ptr<internal::ClientCore> core, std::shared_ptr<const internal::RulesetView> view);
  template <typename T, typename Fallback>
  T Read(std::string_view flag, const Context& context, Fallback fallback) const noexcept;
  template <typename T, typename Fallback>
  EvaluationDetail<T> ReadDetail(std::string_view flag, const Context& context, Fallback fallback) const noexcept;
  int ReadVariation(std::string_view flag, const Context& context, const std::string_view* names, int count,
                    int fallback) const noexcept;

  std::shared_ptr<internal::ClientCore> core_;
  std::shared_ptr<const internal::RulesetView> view_;
};

// Reads that leave nothing behind, neither counts nor exposures: for dashboards, logs and support tools, which ask what
// somebody would see. Cheap to make and to copy.
//
//   const bool on = client.Peek().Bool("new-checkout", user, false);
class GUIDON_API Peek : public Reads<Peek> {
 private:
  friend class Client;
  friend class Pin;
  friend class Reads<Peek>;
  Peek(std::shared_ptr<internal::ClientCore> core, std::shared_ptr<const internal::RulesetView> view);
  template <typename T, typename Fallback>
  T Read(std::string_view flag, const Context& context, Fallback fallback) const noexcept;
  template <typename T, typename Fallback>
  EvaluationDetail<T> ReadDetail(std::string_view flag, const Context& context, Fallback fallback) const noexcept;
  int ReadVariation(std::string_view flag, const Context& context, const std::string_view* names, int count,
                    int fallback) const noexcept;

  std::shared_ptr<internal::ClientCore> core_;
  std::shared_ptr<const internal::RulesetView> view_;  // null: whichever is current
};

// A connection to one environment of one project, and the ruleset that it keeps. Make one for a process, when it
// starts.
class GUIDON_API Client : public Reads<Client> {
 public:
  // Reads the flag file, or cache and bootstrap, then connects in the background. Never throws for what is wrong with
  // the configuration, the files or the network: Status() and WaitReady() say it.
  explicit Client(ClientConfig config);
  // For tests of applications: no server, no files; what `source` sets. See guidon/test_source.h.
  explicit Client(TestSource& source);
  ~Client();  // Close(1 s)
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Waits until a ruleset from anywhere is served, or it is clear that none will be soon: the key is not accepted,
  // there is no server to ask, or the client was closed. One that is too old (ClientConfig::serve_defaults_after) is
  // not served until the server confirms it. milliseconds::max() waits for as long as it takes.
  Readiness WaitReady(std::chrono::milliseconds timeout) const;

  // What is going on, all of one moment. A revision is said once every read has it, so an instant after the first one
  // may. Takes locks for a moment, and copies text: for health checks and logs.
  ClientStatus Status() const;

  guidon::Pin Pin() const;    // the ruleset that is current now
  guidon::Peek Peek() const;  // at whichever revision is current when it reads

  // `callback` runs on a thread of the SDK, after the ruleset was published and outside any lock: it may read, pin,
  // subscribe, and close the client. What it throws is logged and dropped. While it runs, no further change arrives.
  [[nodiscard]] Subscription OnChange(std::function<void(const RulesetChange&)> callback);

  // `callback` is told when the state, the source, `serves_defaults` or the epoch changes: with the status as it is
  // then, so what lasted for less than it takes to tell is passed over. It runs on a thread of the SDK, outside any
  // lock, and may do all that callbacks of OnChange may; while it runs, no further status is told, and the cache file
  // waits. Not told of Close.
  [[nodiscard]] Subscription OnStatus(std::function<void(const ClientStatus&)> callback);

  // Something happened to `context` that experiments are measured by: an order and its amount, an error, the time that
  // a page took. Key and attributes of the context go with it (lists, objects and what is private do not, nor text of
  // more than 1 024 bytes), and so do the event's own attributes: text, numbers and booleans.
  //
  //   client.Track("order", user, 31.50, {{"currency", "EUR"}});
  //
  // Never throws and never waits for the network; a microsecond or so. What the server cannot be sent is dropped and
  // counted in Status(): when too much waits already, or when it is no event (no name, one of more than 1 024 bytes, a
  // value that is not finite, more than 16 KiB in all).
  void Track(std::string_view event, const Context& context) const noexcept;
  void Track(std::string_view event, const Context& context, double value) const noexcept;
  void Track(std::string_view event, const Context& context, const Object& attributes) const noexcept;
  void Track(std::string_view event, const Context& context, double value, const Object& attributes) const noexcept;

  // Sends what waits: true when all that was tracked, exposed and counted before the call is durable on the server (or
  // nothing is to be sent: no server is configured, or send_events is false). False at the deadline, and as soon as it
  // is clear that it will not be true: the key is not accepted, events were lost, the client closes. Events are sent
  // without it, too.
  bool Flush(std::chrono::milliseconds deadline) const;

  // Flushes, then stops the background work and writes what the cache file does not have yet; reads go on with what is
  // held, by the time that it is then. True when all threads ended within the deadline; one that is stuck in the
  // system's name resolution, in a callback of the application or is the calling one itself is left to end by itself.
  // Events that could not be sent are dropped; a part of the deadline, at most 250 ms, is kept for what comes after
  // them. A second call changes nothing.
  bool Close(std::chrono::milliseconds deadline);

 private:
  friend class Reads<Client>;
  friend struct internal::CoreOf;
  template <typename T>
  friend class Flag;
  template <typename T, typename Fallback>
  T Read(std::string_view flag, const Context& context, Fallback fallback) const noexcept;
  template <typename T, typename Fallback>
  EvaluationDetail<T> ReadDetail(std::string_view flag, const Context& context, Fallback fallback) const noexcept;
  int ReadVariation(std::string_view flag, const Context& context, const std::string_view* names, int count,
                    int fallback) const noexcept;

  std::shared_ptr<internal::ClientCore> core_;
};

// A flag whose key is looked up once, also when the flag arrives later. T: bool, std::string, std::int64_t, double or
// Value.
//
//   static const guidon::Flag<bool> kNewCheckout(client, "new-checkout", false);
//   if (kNewCheckout(user)) { … }
//
// It may outlive its Client, and goes on with what was held then.
template <typename T>
class GUIDON_API Flag {
 public:
  static_assert(std::is_same_v<T, bool> || std::is_same_v<T, std::string> || std::is_same_v<T, std::int64_t> ||
                    std::is_same_v<T, double> || std::is_same_v<T, Value>,
                "a flag is a bool, std::string, std::int64_t, double or guidon::Value");

  // Takes a lock for a moment; reads do not. `fallback` is given when the flag cannot be evaluated, or serves nothing.
  Flag(const Client& client, std::string_view key, T fallback);

  // As Client's reads of that type, of whichever revision is current.
  T operator()(const Context& context) const noexcept;
  EvaluationDetail<T> Detail(const Context& context) const noexcept;
  // At the pin's revision; a pin of another client is asked by key.
  T operator()(const Context& context, const Pin& pin) const noexcept;
  EvaluationDetail<T> Detail(const Context& context, const Pin& pin) const noexcept;
  // The same, and nothing is left behind; see guidon::Peek.
  T Peek(const Context& context) const noexcept;
  EvaluationDetail<T> PeekDetail(const Context& context) const noexcept;
  T Peek(const Context& context, const Pin& pin) const noexcept;
  EvaluationDetail<T> PeekDetail(const Context& context, const Pin& pin) const noexcept;

  const std::string& key() const noexcept { return key_; }  // as it was given

 private:
  std::uint32_t SlotIn(const Pin& pin) const noexcept;

  std::shared_ptr<internal::ClientCore> core_;
  std::string key_;
  std::uint32_t slot_;
  T fallback_;
};

extern template class Reads<Client>;
extern template class Reads<Pin>;
extern template class Reads<Peek>;
extern template class Flag<bool>;
extern template class Flag<std::string>;
extern template class Flag<std::int64_t>;
extern template class Flag<double>;
extern template class Flag<Value>;

}  // namespace guidon
