// Runs the hooks of a client around one read.
//
// Thread safety: pure functions of what they are given.
#pragma once

#include <guidon/hooks.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace guidon::internal {

struct HookedRead {
  std::string_view flag;
  ReadType type;
  const Value& fallback;
  const Context& context;
};

// Calls the stages of `hooks` around `evaluate`, which answers for the context that the hooks leave. `complain` gets
// what a hook threw. Nothing comes out but for want of memory.
HookDetail RunHooks(const std::vector<std::shared_ptr<Hook>>& hooks, const HookedRead& read,
                    const std::function<HookDetail(const Context&)>& evaluate,
                    const std::function<void(const std::string&)>& complain);

}  // namespace guidon::internal
