// Messages on a stream of bytes: "Content-Length: 52\r\n\r\n" and so many bytes of JSON.
//
//   reader.Feed(bytes);
//   while (std::optional<Frame> frame = reader.Next()) Use(*frame);
//
// Thread safety: one thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace guidon::lsp {

inline constexpr std::size_t kMaxHeaderBytes = 4'096;
inline constexpr std::size_t kMaxBodyBytes = 32u << 20;  // a text of 4 MiB, however it is escaped

struct Frame {
  enum class Kind {
    kMessage,
    kTooLarge,  // beyond kMaxBodyBytes: passed over unread, and the next one is read
    kBroken,    // no header of ours, or one beyond kMaxHeaderBytes: where the next message begins is unknown
  };
  Kind kind = Kind::kMessage;
  std::string text;  // the message, or what is wrong
};

class FrameReader {
 public:
  void Feed(std::string_view bytes);
  std::optional<Frame> Next();  // nothing: more bytes are needed, or it is broken and that has been said

 private:
  std::optional<Frame> Break(std::string why);

  std::string held_;      // at most a message and what came with it
  std::size_t at_ = 0;    // what is before was taken
  std::size_t skip_ = 0;  // bytes of a body that is too large
  bool is_broken_ = false;
};

std::string Framed(std::string_view json);

}  // namespace guidon::lsp
