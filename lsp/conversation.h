// A language server as bytes in and bytes out: what stands between a process's standard streams and a Session.
//
//   Conversation conversation(std::move(session_options));
//   while (!conversation.has_ended()) {
//     Write(conversation.Take(Read()));                           // all that is there to be read
//     if (NothingMoreComes()) Write(conversation.Settle());       // what is wrong is looked for once
//   }
//
// A request that is cancelled in the same piece is not looked at.
//
// Thread safety: one thread.
#pragma once

#include <string>
#include <string_view>

#include "lsp/framing.h"
#include "lsp/session.h"

namespace guidon::lsp {

class Conversation {
 public:
  explicit Conversation(SessionOptions options) : session_(std::move(options)) {}

  // Whatever the bytes are, it returns. A message that is no JSON, or too large, is answered with an error; after a
  // broken header nothing can be understood any more, and it ends.
  std::string Take(std::string_view bytes);
  // What is wrong, where something has changed.
  std::string Settle();

  bool has_ended() const { return is_broken_ || session_.has_ended(); }
  // 0: `exit` after `shutdown`; 1: `exit` without it, or the stream ended before; 2: a broken header.
  int exit_code() const { return is_broken_ ? 2 : session_.exit_code(); }

 private:
  FrameReader reader_;
  Session session_;
  bool is_broken_ = false;
};

}  // namespace guidon::lsp
