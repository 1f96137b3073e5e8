#include "sdk/events/exposure_ring.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "core/base/json.h"
#include "core/eval/context_scalars.h"

namespace guidon::internal {
namespace {

constexpr std::size_t kTexts = 8;
constexpr std::uint32_t kNoContext = std::numeric_limits<std::uint32_t>::max();
// A scalar takes at most twice as many bytes as in JSON ({"a":1} is 12 here), so nothing that fits there is left out.
constexpr std::size_t kMaxEncodedContext = 2 * kMaxContextBytes;

struct Head {
  std::int64_t time_ms;
  std::uint64_t revision;
  std::uint32_t iteration;
  std::int32_t bucket;
  std::uint32_t context_size;
  Consulted::Role role;
  bool forced;
  std::array<std::uint16_t, kTexts> sizes;
};

// Before every record; its size, in whole mark sizes, counts this, too.
struct Mark {
  std::uint32_t size;
  std::uint32_t is_filler;
};

template <typename Exposure>  // const or not
auto TextsOf(Exposure& e) {
  return std::array{&e.epoch,   &e.environment, &e.flag,           &e.experiment,
                    &e.variant, &e.holdout,     &e.unit_attribute, &e.unit};
}

class Writer {
 public:
  explicit Writer(std::byte* to) : to_(to) {}
  template <typename T>
  void Put(const T& value) {
    std::memcpy(to_, &value, sizeof value);
    to_ += sizeof value;
  }
  void Put(std::string_view text) {
    if (!text.empty()) std::memcpy(to_, text.data(), text.size());
    to_ += text.size();
  }

 private:
  std::byte* to_;
};

class Reader {
 public:
  explicit Reader(const std::byte* from) : from_(from) {}
  template <typename T>
  T Get() {
    T value;
    std::memcpy(&value, from_, sizeof value);
    from_ += sizeof value;
    return value;
  }
  std::string_view Text(std::size_t size) {
    const auto* text = reinterpret_cast<const char*>(from_);
    from_ += size;
    return {text, size};
  }
  const std::byte* at() const { return from_; }

 private:
  const std::byte* from_;
};

// --- contexts -------------------------------------------------------------------------------------------------------

bool IsSent(const ContextScalar& scalar, const PrivateAttributes& without) {
  if (scalar.kind == ContextScalar::Kind::kDouble && !std::isfinite(scalar.number)) return false;  // no JSON has it
  return !without.Covers(scalar.name);
}

std::size_t SizeOf(const ContextScalar& scalar) {
  constexpr std::size_t kBefore = sizeof(ContextScalar::Kind) + sizeof(std::uint16_t);
  switch (scalar.kind) {
    case ContextScalar::Kind::kBool:
      return kBefore + scalar.name.size() + 1;
    case ContextScalar::Kind::kInt:
    case ContextScalar::Kind::kDouble:
      return kBefore + scalar.name.size() + 8;
    case ContextScalar::Kind::kText:
      break;
  }
  return kBefore + scalar.name.size() + sizeof(std::uint32_t) + scalar.text.size();
}

// kNoContext: it is too long.
std::uint32_t SizeOf(const Context& context, const PrivateAttributes& without) {
  std::size_t size = 0;
  ContextScalars::ForEach(context, [&](const ContextScalar& scalar) {
    if (IsSent(scalar, without)) size += SizeOf(scalar);
  });
  return size <= kMaxEncodedContext ? static_cast<std::uint32_t>(size) : kNoContext;
}

void PutContext(const Context& context, const PrivateAttributes& without, Writer& writer) {
  ContextScalars::ForEach(context, [&](const ContextScalar& scalar) {
    if (!IsSent(scalar, without)) return;
    writer.Put(scalar.kind);
    writer.Put(static_cast<std::uint16_t>(scalar.name.size()));
    writer.Put(scalar.name);
    switch (scalar.kind) {
      case ContextScalar::Kind::kBool:
        writer.Put(scalar.truth);
        break;
      case ContextScalar::Kind::kInt:
        writer.Put(scalar.whole);
        break;
      case ContextScalar::Kind::kDouble:
        writer.Put(scalar.number);
        break;
      case ContextScalar::Kind::kText:
        writer.Put(static_cast<std::uint32_t>(scalar.text.size()));
        writer.Put(scalar.text);
        break;
    }
  });
}

// Names and texts that are no UTF-8 cannot be sent, and are left out.
Value GetContext(Reader& reader, std::uint32_t size) {
  Object object;
  const std::byte* const end = reader.at() + size;
  while (reader.at() < end) {
    const auto kind = reader.Get<ContextScalar::Kind>();
    const std::string_view name = reader.Text(reader.Get<std::uint16_t>());
    Value value;
    switch (kind) {
      case ContextScalar::Kind::kBool:
        value = reader.Get<bool>();
        break;
      case ContextScalar::Kind::kInt:
        value = reader.Get<std::int64_t>();
        break;
      case ContextScalar::Kind::kDouble:
        value = reader.Get<double>();
        break;
      case ContextScalar::Kind::kText: {
        const std::string_view text = reader.Text(reader.Get<std::uint32_t>());
        if (!IsValidUtf8(text)) continue;
        value = text;
        break;
      }
    }
    if (IsValidUtf8(name)) object.Append(name, std::move(value));
  }
  Value context(std::move(object));
  // An escape makes six bytes of one, at most, so most need not be written to see that they fit.
  const bool fits = 6 * size + 2 <= kMaxContextBytes || ToJson(context).size() <= kMaxContextBytes;
  return fits ? std::move(context) : Value();
}

}  // namespace

// ---- Private attributes ------------------------------------------------------------------------------------------

PrivateAttributes::PrivateAttributes(std::vector<std::string> names, bool all) : names_(std::move(names)), all_(all) {}

bool PrivateAttributes::Covers(std::string_view attribute) const noexcept {
  if (all_ && attribute != "key") return true;
  return std::any_of(names_.begin(), names_.end(), [&](const std::string& name) {
    return attribute.substr(0, name.size()) == name &&
           (attribute.size() == name.size() || attribute[name.size()] == '.');
  });
}

// ---- The ring ----------------------------------------------------------------------------------------------------

ExposureRing::ExposureRing(std::size_t bytes)
    : capacity_(std::bit_ceil(std::max(bytes, kLeastBytes))), bytes_(new std::byte[capacity_]) {}  // and not cleared

bool ExposureRing::Write(const RecordedExposure& exposure, const Context& context,
                         const PrivateAttributes& without) noexcept {
  Head head{exposure.time_ms,         exposure.revision, exposure.iteration, exposure.bucket,
            SizeOf(context, without), exposure.role,     exposure.forced,    {}};
  std::size_t size = sizeof head + (head.context_size == kNoContext ? 0 : head.context_size);
  const auto texts = TextsOf(exposure);
  for (std::size_t i = 0; i < kTexts; ++i) {
    // All of them have bounds far below: names where definitions are read, the unit by whoever records it.
    if (texts[i]->size() > std::numeric_limits<std::uint16_t>::max()) return false;
    head.sizes[i] = static_cast<std::uint16_t>(texts[i]->size());
    size += texts[i]->size();
  }
  std::byte* const to = Reserve(size);
  if (to == nullptr) return false;
  Writer writer(to);
  writer.Put(head);
  for (const std::string_view* text : texts) writer.Put(*text);
  if (head.context_size != kNoContext) PutContext(context, without, writer);
  end_.store(reserved_, std::memory_order_release);
  return true;
}

std::byte* ExposureRing::Reserve(std::size_t size) noexcept {
  const std::size_t whole = (sizeof(Mark) + size + sizeof(Mark) - 1) / sizeof(Mark) * sizeof(Mark);
  std::uint64_t at = end_.load(std::memory_order_relaxed);
  const std::size_t to_end = capacity_ - (at & (capacity_ - 1));
  const std::size_t filler = whole <= to_end ? 0 : to_end;
  if (capacity_ - (at - begin_.load(std::memory_order_acquire)) < filler + whole) return nullptr;
  if (filler > 0) {
    Writer(At(at)).Put(Mark{static_cast<std::uint32_t>(filler), 1});
    at += filler;
  }
  Writer(At(at)).Put(Mark{static_cast<std::uint32_t>(whole), 0});
  reserved_ = at + whole;
  return At(at) + sizeof(Mark);
}

bool ExposureRing::Front(RecordedExposure& out) {
  std::uint64_t at = begin_.load(std::memory_order_relaxed);
  const std::uint64_t end = end_.load(std::memory_order_acquire);
  if (at == end) return false;
  if (const auto mark = Reader(At(at)).Get<Mark>(); mark.is_filler != 0) {
    at += mark.size;  // what made it necessary is there
    begin_.store(at, std::memory_order_release);
  }
  Reader reader(At(at) + sizeof(Mark));
  const auto head = reader.Get<Head>();
  out.time_ms = head.time_ms;
  out.revision = head.revision;
  out.iteration = head.iteration;
  out.bucket = head.bucket;
  out.role = head.role;
  out.forced = head.forced;
  const auto texts = TextsOf(out);
  for (std::size_t i = 0; i < kTexts; ++i) *texts[i] = reader.Text(head.sizes[i]);
  out.context = head.context_size == kNoContext ? Value() : GetContext(reader, head.context_size);
  return true;
}

void ExposureRing::Pop() noexcept {
  const std::uint64_t at = begin_.load(std::memory_order_relaxed);
  begin_.store(at + Reader(At(at)).Get<Mark>().size, std::memory_order_release);
}

bool ExposureRing::IsEmpty() const noexcept {
  return begin_.load(std::memory_order_acquire) == end_.load(std::memory_order_relaxed);
}

void ExposureRing::Clear() noexcept {
  end_.store(0, std::memory_order_relaxed);
  begin_.store(0, std::memory_order_relaxed);
}

// ---- Rings -------------------------------------------------------------------------------------------------------

bool RingAllowance::Take(std::size_t bytes) noexcept {
  std::size_t left = left_.load(std::memory_order_relaxed);
  while (left >= bytes) {
    if (left_.compare_exchange_weak(left, left - bytes, std::memory_order_relaxed)) return true;
  }
  return false;
}

ExposureRings::ExposureRings(std::size_t ring_bytes, RingAllowance& allowance)
    : allowance_(allowance), first_(new Link(ring_bytes)), last_(first_) {}

ExposureRings::~ExposureRings() {
  while (first_ != nullptr) DropFirst(first_->next.load(std::memory_order_relaxed));
}

bool ExposureRings::Write(const RecordedExposure& exposure, const Context& context,
                          const PrivateAttributes& without) noexcept {
  if (last_->Write(exposure, context, without)) [[likely]] {
    return true;
  }
  // Emptied meanwhile, it has room again; what has none then has none in another.
  return (last_->IsEmpty() || Grow()) && last_->Write(exposure, context, without);
}

bool ExposureRings::Grow() noexcept {
  const std::size_t bytes = last_->capacity();
  if (!allowance_.Take(bytes)) return false;
  try {
    Link* const next = new Link(bytes);
    last_->next.store(next, std::memory_order_release);  // from here on the reader may free the one before
    last_ = next;
    return true;
  } catch (const std::bad_alloc&) {
    allowance_.GiveBack(bytes);
    return false;
  }
}

bool ExposureRings::Front(RecordedExposure& out) {
  for (;;) {
    // Asked for first: when there is a next one, all that this one will ever hold is there.
    Link* const next = first_->next.load(std::memory_order_acquire);
    if (first_->Front(out)) return true;
    if (next == nullptr) return false;
    const std::size_t bytes = first_->capacity();
    DropFirst(next);
    allowance_.GiveBack(bytes);
  }
}

// In this order: a child that is forked meanwhile never finds one that is freed.
void ExposureRings::DropFirst(Link* next) noexcept {
  delete std::exchange(first_, next);
}

void ExposureRings::Clear() noexcept {
  while (Link* const next = first_->next.load(std::memory_order_relaxed)) DropFirst(next);
  first_->Clear();
  last_ = first_;
}

// ---- What was recorded lately ------------------------------------------------------------------------------------

RememberedExposures::RememberedExposures(std::size_t count)
    : count_(std::bit_ceil(std::max<std::size_t>(count, 64))), table_(std::make_unique<std::uint64_t[]>(count_)) {}

bool RememberedExposures::Has(std::uint64_t fingerprint) const noexcept {
  const std::uint64_t* const set = SetOf(fingerprint);
  return std::find(set, set + kSet, fingerprint) != set + kSet;
}

void RememberedExposures::Add(std::uint64_t fingerprint) noexcept {
  std::uint64_t* const set = SetOf(fingerprint);
  std::copy_backward(set, set + kSet - 1, set + kSet);
  set[0] = fingerprint;
}

void RememberedExposures::Clear() noexcept {
  std::fill_n(table_.get(), count_, std::uint64_t{0});
}

}  // namespace guidon::internal
