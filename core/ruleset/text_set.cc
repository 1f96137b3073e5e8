#include "core/ruleset/text_set.h"

#include <cstring>

#include "core/base/hash.h"

namespace guidon {

TextSet::TextSet(const std::vector<std::string>& texts) {
  std::size_t bytes = 0;
  for (const std::string& text : texts) bytes += text.size();
  Reserve(texts.size(), bytes);
  std::int32_t number = 0;
  for (const std::string& text : texts) Add(text, number++);
}

TextSet::TextSet(const std::vector<std::string_view>& texts, const std::vector<std::int32_t>& numbers) {
  std::size_t bytes = 0;
  for (const std::string_view text : texts) bytes += text.size();
  Reserve(texts.size(), bytes);
  for (std::size_t i = 0; i < texts.size(); ++i) Add(texts[i], numbers[i]);
}

void TextSet::Reserve(std::size_t count, std::size_t bytes) {
  if (count == 0) return;
  std::size_t cells = 2;
  while (4 * cells < 5 * count) cells *= 2;
  const std::size_t cell_words = WordsOf(cells * sizeof(Cell));
  words_.reserve(1 + cell_words + WordsOf(bytes + count * (sizeof(Head) + 7)));  // with the padding
  words_.assign(1 + cell_words, 0);
  words_[0] = cells - 1;
}

void TextSet::Add(std::string_view text, std::int32_t number) {
  const std::uint64_t hash = Hash64(text);
  if (Find(text, hash) != kNone) return;
  const auto place = static_cast<std::uint32_t>(words_.size());
  words_.resize(place + WordsOf(sizeof(Head) + text.size()));
  const Head head{static_cast<std::uint32_t>(text.size())};
  auto* const bytes = reinterpret_cast<char*>(&words_[place]);
  std::memcpy(bytes, &head, sizeof head);
  if (!text.empty()) std::memcpy(bytes + sizeof head, text.data(), text.size());
  auto* cells = reinterpret_cast<Cell*>(words_.data() + 1);
  std::size_t i = hash & words_[0];
  while (cells[i].place != 0) i = (i + 1) & words_[0];
  cells[i] = {static_cast<std::uint32_t>(hash >> 32), place, number};
}

}  // namespace guidon
