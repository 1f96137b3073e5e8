#include "core/ruleset/text_set.h"

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
  while (cells < 2 * count) cells *= 2;
  cells_.resize(cells);
  texts_.reserve(bytes + count * sizeof(Head));
}

void TextSet::Add(std::string_view text, std::int32_t number) {
  const std::uint64_t hash = Hash64(text);
  if (Find(text, hash) != kNone) return;
  const std::size_t mask = cells_.size() - 1;
  std::size_t i = hash & mask;
  while (cells_[i].place != kNowhere) i = (i + 1) & mask;
  cells_[i] = {static_cast<std::uint32_t>(hash >> 32), static_cast<std::uint32_t>(texts_.size())};
  const Head head{number, static_cast<std::uint32_t>(text.size())};
  const char* bytes = reinterpret_cast<const char*>(&head);
  texts_.insert(texts_.end(), bytes, bytes + sizeof head);
  texts_.insert(texts_.end(), text.begin(), text.end());
}

}  // namespace guidon
