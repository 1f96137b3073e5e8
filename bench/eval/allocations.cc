#include "bench/eval/allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

thread_local std::uint64_t allocations = 0;
thread_local std::int64_t allowed = -1;
thread_local bool is_volunteer = false;
std::atomic<bool> volunteers_fail{false};
std::atomic<std::uint64_t> refused{0};

bool Take() noexcept {
  ++allocations;
  if (is_volunteer && volunteers_fail.load()) {
    ++refused;
    return false;
  }
  if (allowed == 0) return false;
  if (allowed > 0) --allowed;
  return true;
}

void* TryAllocate(std::size_t size) noexcept {
  return Take() ? std::malloc(size == 0 ? 1 : size) : nullptr;
}

void* TryAllocate(std::size_t size, std::align_val_t alignment) noexcept {
  void* memory = nullptr;
  if (!Take()) return nullptr;
  return posix_memalign(&memory, static_cast<std::size_t>(alignment), size == 0 ? 1 : size) == 0 ? memory : nullptr;
}

void* OrThrow(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// All forms: a sanitizer brings its own of those that are left out, and they do not match these.
void* operator new(std::size_t size) {
  return OrThrow(TryAllocate(size));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return TryAllocate(size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return OrThrow(TryAllocate(size, alignment));
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return TryAllocate(size, alignment);
}
void* operator new[](std::size_t size) {
  return OrThrow(TryAllocate(size));
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return TryAllocate(size);
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return OrThrow(TryAllocate(size, alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return TryAllocate(size, alignment);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  std::free(memory);
}

namespace guidon::bench {

std::uint64_t Allocations() noexcept {
  return allocations;
}

void AllowAllocations(std::int64_t count) noexcept {
  allowed = count;
}

void Volunteer() noexcept {
  is_volunteer = true;
}

void FailVolunteers(bool fail) noexcept {
  volunteers_fail = fail;
}

std::uint64_t Refused() noexcept {
  return refused;
}

}  // namespace guidon::bench
