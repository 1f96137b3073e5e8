// The time of day as the server notes it: for those who are given no clock of their own, which tests do.
//
// Thread safety: any thread.
#pragma once

#include <chrono>

#include "server/store/store.h"

namespace guidon {

inline Timestamp SystemNow() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

}  // namespace guidon
