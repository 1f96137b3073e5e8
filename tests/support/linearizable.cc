#include "tests/support/linearizable.h"

#include <algorithm>
#include <limits>
#include <list>
#include <optional>
#include <unordered_set>
#include <utility>

namespace guidon::testing {
namespace {

using Kind = RegisterOp::Kind;
using Outcome = RegisterOp::Outcome;

// The register after the operation; nothing when it cannot have happened then. An operation without an answer always
// can: where it does not find what it expects, it has done nothing, and that it was never done at all is the same as
// being done last.
std::optional<std::int64_t> Step(const RegisterOp& op, std::int64_t held) {
  if (op.kind == Kind::kRead) return held == op.value ? std::optional(held) : std::nullopt;
  const bool swaps = held == op.expected;
  if (op.outcome == Outcome::kUnknown) return swaps ? op.value : held;
  if (op.outcome == Outcome::kOk) return swaps ? std::optional(op.value) : std::nullopt;
  return swaps ? std::nullopt : std::optional(held);
}

std::string Describe(const RegisterOp& op) {
  std::string text = "client " + std::to_string(op.client);
  if (op.kind == Kind::kRead) {
    text += " read " + std::to_string(op.value);
  } else {
    text += (op.outcome == Outcome::kOk ? " swapped " : " was refused to swap ") + std::to_string(op.expected) +
            " for " + std::to_string(op.value);
  }
  return text + " between " + std::to_string(op.begin) + " and " + std::to_string(op.end);
}

// Begins and ends in the order of time; at the same time, begins come first: those operations may overlap.
struct Event {
  std::size_t op = 0;
  bool is_begin = false;
  std::int64_t time = 0;
};
using Events = std::list<Event>;

class Search {
 public:
  Search(const std::vector<RegisterOp>& history, std::int64_t initial, std::size_t most_configurations)
      : history_(history), held_(initial), done_(history.size(), '0'), most_configurations_(most_configurations) {
    std::vector<Event> events;
    for (std::size_t i = 0; i < history.size(); ++i) {
      const bool ends = history[i].outcome != Outcome::kUnknown;
      events.push_back({i, true, history[i].begin});
      events.push_back({i, false, ends ? history[i].end : std::numeric_limits<std::int64_t>::max()});
    }
    std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
      return a.time != b.time ? a.time < b.time : a.is_begin && !b.is_begin;
    });
    events_.assign(events.begin(), events.end());
    ends_.resize(history.size());
    for (auto event = events_.begin(); event != events_.end(); ++event) {
      if (!event->is_begin) ends_[event->op] = event;
    }
  }

  std::string Run() {
    auto event = events_.begin();
    while (!events_.empty()) {
      if (!event->is_begin) {
        // Everything that has begun was tried, and this one must have been done by now.
        if (taken_.size() >= deepest_) deepest_ = taken_.size(), stuck_ = event->op;
        if (taken_.empty()) return Fault();
        event = std::next(PutBack());
      } else if (TakeOut(event)) {
        event = events_.begin();
      } else {
        ++event;
      }
      if (configurations_.size() > most_configurations_) return "the history has too many ways to be looked at";
    }
    return "";
  }

 private:
  struct Taken {
    Events begin, end;  // one event each
    Events::iterator after_begin, after_end;
    std::int64_t held;
  };

  // The operation happens now; false when it cannot, or when nothing new follows.
  bool TakeOut(Events::iterator event) {
    const std::size_t op = event->op;
    const std::optional<std::int64_t> next = Step(history_[op], held_);
    if (!next) return false;
    done_[op] = '1';
    if (!configurations_.insert(done_ + std::to_string(*next)).second) {
      done_[op] = '0';
      return false;
    }
    Taken taken;
    taken.held = std::exchange(held_, *next);
    taken.after_end = std::next(ends_[op]);
    taken.end.splice(taken.end.begin(), events_, ends_[op]);
    taken.after_begin = std::next(event);
    taken.begin.splice(taken.begin.begin(), events_, event);
    taken_.push_back(std::move(taken));
    return true;
  }

  // Takes the last step back, and says where its operation begins.
  Events::iterator PutBack() {
    Taken& last = taken_.back();
    const auto begin = last.begin.begin();
    held_ = last.held;
    done_[begin->op] = '0';
    events_.splice(last.after_begin, last.begin);
    events_.splice(last.after_end, last.end);
    taken_.pop_back();
    return begin;
  }

  std::string Fault() const {
    return "no order of the operations explains this one, with " + std::to_string(deepest_) + " of " +
           std::to_string(history_.size()) + " before it: " + Describe(history_[stuck_]);
  }

  const std::vector<RegisterOp>& history_;
  std::int64_t held_;
  std::string done_;  // '1' for each operation that is
  const std::size_t most_configurations_;
  Events events_;  // of what is not done
  std::vector<Events::iterator> ends_;
  std::vector<Taken> taken_;
  std::unordered_set<std::string> configurations_;
  std::size_t deepest_ = 0;
  std::size_t stuck_ = 0;
};

}  // namespace

std::string FaultIn(const std::vector<RegisterOp>& history, std::int64_t initial, std::size_t most_configurations) {
  return Search(history, initial, most_configurations).Run();
}

}  // namespace guidon::testing
