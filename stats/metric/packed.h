// Numbers and texts as bytes, for what this part of the project stores: unsigned numbers as LEB128 (7 bits a byte, low
// ones first), signed ones as zigzag (0, -1, 1, -2, …) of that, doubles as their 8 bytes with the low one first, texts
// with their length in front.
//
//   Packer out;                                 Unpacker in(bytes);
//   out.Unsigned(7);                            std::uint64_t n = in.Unsigned();
//   out.Text("ios");                            std::string_view text = in.Text();
//   std::string bytes = out.Take();             if (!in.AtEnd()) …   // broken, or more than was asked for
//
// An Unpacker takes any bytes. Once something was not there, or could not be what was asked for, it is broken: every
// further read gives 0 or "", and AtEnd and ok are false.
//
// Thread safety: plain values.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace guidon::stats {

class Packer {
 public:
  void Byte(std::uint8_t byte) { bytes_.push_back(static_cast<char>(byte)); }
  void Unsigned(std::uint64_t number) {
    for (; number >= 0x80; number >>= 7) Byte(static_cast<std::uint8_t>(number | 0x80));
    Byte(static_cast<std::uint8_t>(number));
  }
  void Signed(std::int64_t number) {
    Unsigned((static_cast<std::uint64_t>(number) << 1) ^ static_cast<std::uint64_t>(number >> 63));
  }
  void Fixed32(std::uint32_t number) {
    for (int i = 0; i < 4; ++i) Byte(static_cast<std::uint8_t>(number >> (8 * i)));
  }
  void Double(double number) {
    const auto bits = std::bit_cast<std::uint64_t>(number);
    for (int i = 0; i < 8; ++i) Byte(static_cast<std::uint8_t>(bits >> (8 * i)));
  }
  void Text(std::string_view text) {
    Unsigned(text.size());
    bytes_.append(text);
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : rest_(bytes) {}

  std::uint8_t Byte() {
    if (rest_.empty()) return static_cast<std::uint8_t>(Break());
    const char byte = rest_.front();
    rest_.remove_prefix(1);
    return static_cast<std::uint8_t>(byte);
  }
  std::uint64_t Unsigned() {
    std::uint64_t number = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t byte = Byte();
      if (shift == 63 && byte > 1) return Break();
      number |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return ok_ ? number : 0;
    }
    return Break();
  }
  // At most `most`; more is no such number.
  std::uint64_t UnsignedTo(std::uint64_t most) {
    const std::uint64_t number = Unsigned();
    return number <= most ? number : Break();
  }
  std::uint32_t Unsigned32() { return static_cast<std::uint32_t>(UnsignedTo(0xffff'ffff)); }
  // How many things follow that take at least `bytes_each`.
  std::size_t Count(std::size_t bytes_each) {
    const std::uint64_t number = Unsigned();
    return static_cast<std::size_t>(number <= rest_.size() / bytes_each ? number : Break());
  }
  std::int64_t Signed() {
    const std::uint64_t number = Unsigned();
    return static_cast<std::int64_t>((number >> 1) ^ (0 - (number & 1)));
  }
  std::uint32_t Fixed32() {
    std::uint32_t number = 0;
    for (int i = 0; i < 4; ++i) number |= static_cast<std::uint32_t>(Byte()) << (8 * i);
    return number;
  }
  double Double() {
    std::uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) bits |= static_cast<std::uint64_t>(Byte()) << (8 * i);
    return std::bit_cast<double>(bits);
  }
  std::string_view Text() {
    const std::size_t size = Count(1);
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }

  std::uint64_t Break() {
    ok_ = false;
    rest_ = {};
    return 0;
  }
  bool ok() const { return ok_; }
  bool AtEnd() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace guidon::stats
