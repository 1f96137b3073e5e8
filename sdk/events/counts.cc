#include "sdk/events/counts.h"

#include <algorithm>
#include <utility>

namespace guidon::internal {
namespace {

// The text at `index`.
std::string_view NameAt(std::string_view names, std::uint32_t index) {
  for (; index > 0; --index) names.remove_prefix(names.find('\0') + 1);
  return names.substr(0, names.find('\0'));
}

}  // namespace

// ---- Flags -------------------------------------------------------------------------------------------------------

CountedFlag::CountedFlag(std::string names, std::uint32_t number, CountPlace place)
    : names_(std::move(names)), number_(number), place_(place), variations_(VariationsIn(names_)) {}

std::uint32_t CountedFlag::VariationsIn(std::string_view names) {
  return static_cast<std::uint32_t>(std::count(names.begin(), names.end(), '\0')) - 1;
}

std::uint32_t CountedFlag::OutcomeOf(const Decision& decision) const noexcept {
  if (decision.error != EvaluationError::kNone) {
    return kReasons * (variations_ + 1) + static_cast<std::uint32_t>(decision.error) - 1;
  }
  const auto reason = static_cast<std::uint32_t>(decision.reason);
  assert(reason < kReasons && decision.variation < static_cast<std::int64_t>(variations_));
  if (decision.variation == kNone) return kReasons * variations_ + reason;
  return reason * variations_ + static_cast<std::uint32_t>(decision.variation);
}

OutcomeName CountedFlag::NameOf(std::uint32_t outcome) const noexcept {
  OutcomeName name;
  name.flag = key();
  if (outcome < kReasons * variations_) {
    name.variation = NameAt(names_, 1 + outcome % variations_);
    name.reason = static_cast<Reason>(outcome / variations_);
  } else if (outcome < kReasons * (variations_ + 1)) {
    name.reason = static_cast<Reason>(outcome - kReasons * variations_);
  } else {
    name.error = static_cast<EvaluationError>(outcome - kReasons * (variations_ + 1) + 1);
  }
  return name;
}

std::unique_ptr<CountedFlag> CountPlaces::Take(std::string names) {
  if (flags_ == CountedFlag::kMost) return nullptr;
  const std::uint32_t size = 2 * CountedFlag::VariationsIn(names);
  // Within one chunk; what is too small for it at the end of a chunk stays empty.
  std::uint32_t begin = words_;
  if (begin % CountPlace::kChunkWords + size > CountPlace::kChunkWords) {
    begin += CountPlace::kChunkWords - begin % CountPlace::kChunkWords;
  }
  const bool fits =
      size > 0 && size <= CountPlace::kChunkWords && begin / CountPlace::kChunkWords < CountPlace::kChunks;
  auto flag = std::make_unique<CountedFlag>(std::move(names), flags_, fits ? CountPlace{begin} : CountPlace{});
  ++flags_;
  if (fits) words_ = begin + size;
  return flag;
}

// ---- One thread's counters ---------------------------------------------------------------------------------------

ThreadCounts::~ThreadCounts() {
  for (std::atomic<Word*>& chunk : chunks_) delete[] chunk.load(std::memory_order_relaxed);
  for (std::atomic<Table*>& held : tables_) {
    const std::unique_ptr<Table> table(held.load(std::memory_order_relaxed));
    if (table == nullptr) continue;
    for (std::atomic<Word*>& list : table->lists) delete[] list.load(std::memory_order_relaxed);
  }
}

void ThreadCounts::Count(const CountedFlag& flag, const Decision& decision) {
  Word* const word = Short(flag, decision);
  Word& counter = word != nullptr ? *word : All(flag)[flag.OutcomeOf(decision)];
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// nullptr: there is none, or it is another reason's.
ThreadCounts::Word* ThreadCounts::Short(const CountedFlag& flag, const Decision& decision) {
  if (flag.place().value == 0 || decision.variation == kNone) return nullptr;
  std::atomic<Word*>& chunk = chunks_[flag.place().chunk()];
  if (chunk.load(std::memory_order_relaxed) == nullptr) {
    chunk.store(new Word[CountPlace::kChunkWords](), std::memory_order_release);
  }
  Word& word = Row(flag.place())[ShortOf(decision.variation, decision.reason)];
  const std::uint64_t held = word.load(std::memory_order_relaxed), tag = TagOf(decision.reason);
  if (held == 0) word.store(tag << kCountBits, std::memory_order_relaxed);
  return held == 0 || held >> kCountBits == tag ? &word : nullptr;
}

ThreadCounts::Word* ThreadCounts::All(const CountedFlag& flag) {
  std::atomic<Table*>& table = tables_[flag.number() / kTableSize];
  if (table.load(std::memory_order_relaxed) == nullptr) table.store(new Table(), std::memory_order_release);
  std::atomic<Word*>& list = table.load(std::memory_order_relaxed)->lists[flag.number() % kTableSize];
  if (list.load(std::memory_order_relaxed) == nullptr) {
    list.store(new Word[flag.outcomes()](), std::memory_order_release);
  }
  return list.load(std::memory_order_relaxed);
}

bool ThreadCounts::AddTo(std::vector<std::uint64_t>& totals, const CountedFlag& flag) const {
  const std::uint32_t variations = flag.variations();
  const Word* chunk = chunks_[flag.place().chunk()].load(std::memory_order_acquire);
  if (chunk != nullptr) {
    for (std::uint32_t i = 0; i < 2 * variations; ++i) {
      const std::uint64_t held = chunk[flag.place().word() + i].load(std::memory_order_relaxed);
      if (held != 0) totals[((held >> kCountBits) - 1) * variations + i / 2] += held & kCountMask;
    }
  }
  const Table* table = tables_[flag.number() / kTableSize].load(std::memory_order_acquire);
  const Word* all =
      table == nullptr ? nullptr : table->lists[flag.number() % kTableSize].load(std::memory_order_acquire);
  if (all != nullptr) {
    for (std::uint32_t i = 0; i < flag.outcomes(); ++i) totals[i] += all[i].load(std::memory_order_relaxed);
  }
  return chunk != nullptr || all != nullptr;
}

}  // namespace guidon::internal
