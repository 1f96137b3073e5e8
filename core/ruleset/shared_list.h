// A list of shared pointers that is copied in a moment: in chunks, which copies share until one of them changes.
//
// Thread safety: as a value; copies may be made and changed by different threads.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace guidon {

template <typename T>
class SharedList {
 public:
  using Pointer = std::shared_ptr<const T>;

  std::size_t size() const { return size_; }
  void resize(std::size_t size) {  // never less
    size_ = size;
    while (chunks_.size() * kChunk < size) chunks_.push_back(std::make_shared<Chunk>());
  }
  const Pointer& operator[](std::size_t i) const { return (*chunks_[i / kChunk])[i % kChunk]; }
  void Set(std::size_t i, Pointer value) {
    std::shared_ptr<Chunk>& held = chunks_[i / kChunk];
    if (held.use_count() > 1) held = std::make_shared<Chunk>(*held);  // else nobody else can get at it
    (*held)[i % kChunk] = std::move(value);
  }

 private:
  static constexpr std::size_t kChunk = 32;
  using Chunk = std::array<Pointer, kChunk>;
  std::vector<std::shared_ptr<Chunk>> chunks_;
  std::size_t size_ = 0;
};

}  // namespace guidon
