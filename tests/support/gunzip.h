// What a gzip body holds, for tests of answers that may be compressed.
//
// Thread safety: a pure function.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

namespace guidon::testing {

// At most 1 MiB of it; a failure of the test when it is more, or no gzip.
inline std::string Gunzip(const std::string& bytes) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

}  // namespace guidon::testing
