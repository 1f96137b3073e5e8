// What can fail returns Result<T>: the value, or an Error that names the thing at fault.
//
//   Result<Flag> flag = DecodeFlag(value);
//   if (!flag) return Fail(flag.error());
//   Use(*flag);
//
// Thread safety: plain values.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "core/base/issue.h"

namespace guidon {

// For programs. Only server/api knows which HTTP status each becomes.
enum class ErrorCode {
  kInvalid,           // the input is wrong in itself; `issues` says where
  kNotFound,          // the named thing does not exist
  kAlreadyExists,     // the named thing exists and must not
  kConflict,          // something else depends on it, or both sides changed it
  kStale,             // it changed since the caller looked: read it again
  kMismatch,          // an idempotency key was used with another body
  kUnauthenticated,   // no key, or none that we know
  kPermissionDenied,  // a key, but not for this
  kTooLarge,          // a body, a batch or a text beyond its bound
  kOverloaded,        // a queue or a budget is full; retry later
  kStorageFull,       // the disk has no room; nothing was written
  kUnavailable,       // stopping, read-only, or a peer that does not answer
  kIndeterminate,     // the write may or may not have happened; retry with the same idempotency key
  kGone,              // older than what is kept
  kCorrupt,           // stored bytes are not what was written
  kIo,                // the operating system refused
  kInternal,          // our own mistake
};

// The code's word in JSON and logs: "invalid", "not_found", ….
std::string_view ToString(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;        // one sentence for people; names the thing at fault and what to do
  std::vector<Issue> issues;  // for kInvalid: every fault found, each with its path
};

template <typename T>
using Result = tl::expected<T, Error>;

using Status = Result<void>;

inline tl::unexpected<Error> Fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}
inline tl::unexpected<Error> Fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message), {}});
}

// kInvalid with all faults; the message is the first fault's and the number of the others.
Error InvalidError(std::string_view what, std::vector<Issue> issues);

}  // namespace guidon
