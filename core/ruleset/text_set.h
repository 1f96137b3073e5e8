// A set of texts that gives each a number: looked up by hash, answered in two cache lines.
//
// Cells of four bytes of hash and a place, by open addressing and at most half full; at that place, all texts one after
// the other. A miss looks at cells only.
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
  for (; size >= 8; a += 8, b += 8, size -= 8) {
    std::uint64_t x, y;
    __builtin_memcpy(&x, a, 8);
    __builtin_memcpy(&y, b, 8);
    if (x != y) return false;
  }
  if (size >= 4) {
    std::uint32_t x, y, u, v;
    __builtin_memcpy(&x, a, 4);
    __builtin_memcpy(&y, b, 4);
    __builtin_memcpy(&u, a + size - 4, 4);
    __builtin_memcpy(&v, b + size - 4, 4);
    return ((x ^ y) | (u ^ v)) == 0;
  }
  for (std::size_t i = 0; i < size; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
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

  bool empty() const noexcept { return cells_.empty(); }
  // The number of the text, or kNone. `hash` is its Hash64.
  std::int32_t Find(std::string_view text, std::uint64_t hash) const noexcept {
    if (cells_.empty()) return kNone;
    const std::size_t mask = cells_.size() - 1;
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    for (std::size_t i = hash & mask; cells_[i].place != kNowhere; i = (i + 1) & mask) {
      if (cells_[i].tag != tag) continue;
      const char* entry = texts_.data() + cells_[i].place;
      Head head;
      __builtin_memcpy(&head, entry, sizeof head);
      if (SameText({entry + sizeof head, head.size}, text)) return head.number;
    }
    return kNone;
  }
  // Calls visit(text) for each; until one answers true, which is then the answer.
  template <typename Visit>
  bool Any(Visit&& visit) const {
    for (const Cell& cell : cells_) {
      if (cell.place == kNowhere) continue;
      Head head;
      __builtin_memcpy(&head, texts_.data() + cell.place, sizeof head);
      if (visit(std::string_view(texts_.data() + cell.place + sizeof head, head.size))) return true;
    }
    return false;
  }

 private:
  static constexpr std::uint32_t kNowhere = UINT32_MAX;
  struct Cell {
    std::uint32_t tag = 0;
    std::uint32_t place = kNowhere;  // in texts_
  };
  struct Head {
    std::int32_t number;
    std::uint32_t size;
  };

  void Reserve(std::size_t count, std::size_t bytes);
  void Add(std::string_view text, std::int32_t number);

  std::vector<Cell> cells_;
  std::vector<char> texts_;  // Head and text of each
};

}  // namespace guidon
