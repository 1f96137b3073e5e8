// Runs the hooks of a client around one read.
//
// Thread safety: pure functions of what they are given.
#pragma once

#include <guidon/hooks.h>

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace guidon::internal {

struct HookedRead {
  std::string_view flag;
  ReadType type;
  const Value& fallback;
  const Context& context;
};

// Gets what a hook threw in a stage ("Before", …); `what` is null for what is no std::exception.
using HookComplaint = std::function<void(const Hook& hook, const char* stage, const char* what)>;

// Calls the stages of `hooks` around `evaluate`, which answers for the context that the hooks leave. Nothing comes out
// but for want of memory.
HookDetail RunHooks(const std::vector<std::shared_ptr<Hook>>& hooks, const HookedRead& read,
                    const std::function<HookDetail(const Context&)>& evaluate, const HookComplaint& complain);

}  // namespace guidon::internal
