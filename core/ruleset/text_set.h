// A set of texts that gives each a number: looked up by hash, answered in two cache lines.
//
// Cells of four bytes of hash, a number and a place, by open addressing and at most four fifths full; at the places,
// all texts one after the other. A miss looks at cells only; a hit has its number before the text is near, so that the
// processor goes on with it while the text comes.
//
// Thread safety: immutable once made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace guidon {

inline constexpr std::int32_t kNone = -1;

// memcmp without a call, for texts that are mostly short.
inline bool SameText(const char* a, const char* b, std::size_t size) noexcept {
  const auto differs = [a, b](auto word, std::size_t at) {
    auto other = word;
    __builtin_memcpy(&word, a + at, sizeof word);
    __builtin_memcpy(&other, b + at, sizeof other);
    return word ^ other;
  };
  if (size >= 8) {
    for (std::size_t at = 0; at + 8 < size; at += 8) {
      if (differs(std::uint64_t{}, at) != 0) return false;
    }
    return differs(std::uint64_t{}, size - 8) == 0;
  }
  if (size >= 4) return (differs(std::uint32_t{}, 0) | differs(std::uint32_t{}, size - 4)) == 0;
  if (size >= 2) return (differs(std::uint16_t{}, 0) | differs(std::uint16_t{}, size - 2)) == 0;
  return size == 0 || *a == *b;
}
inline bool SameText(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && SameText(a.data(), b.data(), a.size());
}

class TextSet {
 public:
  TextSet() = default;
  // A text that occurs twice has the number of its first occurrence. Texts of 2 GiB together, at most.
  explicit TextSet(const std::vector<std::string>& texts);
  // With a number for each text.
  TextSet(const std::vector<std::string_view>& texts, const std::vector<std::int32_t>& numbers);

  bool empty() const noexcept { return words_.empty(); }
  // The number of the text, or kNone. `hash` is its Hash64.
  std::int32_t Find(std::string_view text, std::uint64_t hash) const noexcept {
    return words_.empty() ? kNone : FindIn(words_.data(), text, hash);
  }
  // The set as plain memory, to lie among other things, and the same look-up there. Not of an empty one.
  const std::vector<std::uint64_t>& words() const { return words_; }
  static std::int32_t FindIn(const std::uint64_t* words, std::string_view text, std::uint64_t hash) noexcept {
    const std::size_t mask = words[0];
    const auto* cells = reinterpret_cast<const Cell*>(words + 1);
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    for (std::size_t i = hash & mask; cells[i].place != 0; i = (i + 1) & mask) {
      if (cells[i].tag != tag) continue;
      if (SameText(HeadAt(words, cells[i].place)->text(), text)) return cells[i].number;
    }
    return kNone;
  }
  // Calls visit(text) for each; until one answers true, which is then the answer.
  template <typename Visit>
  bool Any(Visit&& visit) const {
    if (empty()) return false;
    const auto* cells = reinterpret_cast<const Cell*>(words_.data() + 1);
    for (std::size_t i = 0; i <= words_[0]; ++i) {
      if (cells[i].place != 0 && visit(HeadAt(words_.data(), cells[i].place)->text())) return true;
    }
    return false;
  }

 private:
  struct Cell {
    std::uint32_t tag;
    std::uint32_t place;  // of a Head, in words from the first; 0: free
    std::int32_t number;
  };
  // Followed by the text.
  struct Head {
    std::uint32_t size;
    std::string_view text() const { return {reinterpret_cast<const char*>(this + 1), size}; }
  };
  static_assert(sizeof(Cell) == 12 && sizeof(Head) == 4);
  static constexpr std::size_t WordsOf(std::size_t bytes) { return (bytes + 7) / 8; }
  static const Head* HeadAt(const std::uint64_t* words, std::uint32_t place) {
    return reinterpret_cast<const Head*>(words + place);
  }

  void Reserve(std::size_t count, std::size_t bytes);
  void Add(std::string_view text, std::int32_t number);

  std::vector<std::uint64_t> words_;  // the number of cells less one, the cells, each head with its text
};

}  // namespace guidon
