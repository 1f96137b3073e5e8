// Bytes as lower-case hex digits and back; there is one way to write them, so that a text can be compared.
//
// Thread safety: pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace guidon {

std::string ToHex(std::string_view bytes);
template <std::size_t size>
std::string ToHex(const std::array<std::uint8_t, size>& bytes) {
  return ToHex(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

// nullopt for anything but pairs of 0-9 and a-f.
std::optional<std::string> FromHex(std::string_view text);
// False unless it is exactly as many bytes.
bool FromHex(std::string_view text, std::span<std::uint8_t> bytes);

}  // namespace guidon
