// What people say about a flag or a change request: short texts, in the order in which they came.
//
//   Comments comments(catalog, {.now_ms = NowMs, .person_of = …});
//   Result<Comment> comment = comments.Add({"shop", "flag", "checkout.layout"}, "slower, please", author);
//
// Kept as items `comment/P/flag/KEY/N` and `comment/P/change_request/N/N`, each written with an audit entry
// (`comment.create`, `comment.delete`), which does not have the text: what is taken back is gone. A number is given
// once: beside them `…/last` keeps the highest one that was taken back, {"last":N}. They go with what they are about.
//
// Thread safety: every method may be called from any thread, and waits for the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/result.h"
#include "server/catalog/catalog.h"

namespace guidon {

inline constexpr std::size_t kMostComments = 500;  // of one thing; beyond it kConflict
inline constexpr std::size_t kMaxCommentTextBytes = 4'096;

// What is commented on.
struct CommentSubject {
  std::string project;
  std::string kind;  // "flag", "change_request"
  std::string key;   // of the flag; the number of the request
};
std::string PrefixOf(const CommentSubject& subject);  // of the ids of its comments' items

struct Comment {
  std::uint64_t number = 0;  // of its subject's comments, from 1
  std::string person;        // "member:ana", or "key:SELECTOR"
  std::int64_t at_ms = 0;
  std::string text;
};

struct CommentOptions {
  std::function<std::int64_t()> now_ms;
  std::function<std::string(std::string_view principal)> person_of = {};  // empty: the principal itself
};

class Comments {
 public:
  // The catalog outlives it.
  Comments(Catalog& catalog, CommentOptions options) : catalog_(catalog), options_(std::move(options)) {}

  Result<std::vector<Comment>> List(const CommentSubject& subject) const;  // the oldest first
  // kInvalid for a text that is empty, too long, or has control characters other than line breaks and tabs.
  // kNotFound when what it is about is not there.
  Result<Comment> Add(const CommentSubject& subject, const std::string& text, const Author& author);
  // Of one's own. kPermissionDenied, kNotFound.
  Status Remove(const CommentSubject& subject, std::uint64_t number, const Author& author);

 private:
  // Those that are there, and the highest number that was given.
  struct Thread {
    std::vector<Comment> comments;
    std::uint64_t last = 0;
  };
  Result<Thread> Read(const CommentSubject& subject) const;
  std::string PersonOf(std::string_view principal) const;

  Catalog& catalog_;
  const CommentOptions options_;
  Mutex changes_;  // one at a time, so that numbers are given once
};

}  // namespace guidon
