// The six workloads of `./dev bench eval`: what an application does through the SDK's public face, from a bootstrap and
// without a server, over 1 000 contexts of five attributes each that are made before the clock starts.
//
//   no_rules            boolean, serves one thing to everyone
//   three_rules         boolean: country one of ten (miss), age > 65 (miss), plan is pro (hit)
//   three_rules_semver  the same with appVersion > 2.0.0 (miss) in place of age
//   rollout             string, 33/33/34 % by the context's key
//   prereq_segment      boolean: a prerequisite, and a segment of 1 000 keys that holds every context
//   store_5000          three_rules in a store of 5 000 such flags, walked in scrambled order
//
// Thread safety: a Workload is made and verified by one thread and read by many.
#pragma once

#include <guidon/client.h>

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace guidon::bench {

inline constexpr std::size_t kContexts = 1'000;
inline constexpr std::size_t kStoreFlags = 5'000;

// user-0 … user-999, each with country, appVersion, plan, email and age.
std::vector<Context> MakeContexts();

// The flags that are read, both ways, in the order in which they are walked.
template <typename T>
struct Reads {
  std::vector<std::string> keys;
  std::vector<Flag<T>> handles;
};

struct Workload {
  std::string name;
  std::shared_ptr<Client> client;
  std::variant<Reads<bool>, Reads<std::string>> reads;

  // Calls `use` with `count` results, from the context and the flag at `start` on, cycling through both.
  template <typename Use>
  void ByKey(const std::vector<Context>& contexts, std::size_t start, std::size_t count, Use&& use) const;
  template <typename Use>
  void ByHandle(const std::vector<Context>& contexts, std::size_t start, std::size_t count, Use&& use) const;
};

// All six, in the order above.
std::vector<Workload> MakeWorkloads();

// Whether every read of the workload decides what it is there to decide, and in the way that it is there to measure:
// the rules before the hit are looked at and miss, a changed context is answered otherwise. Empty, or what is wrong.
std::string Verify(const Workload& workload, const std::vector<Context>& contexts);

// --- inline ---------------------------------------------------------------------------------------------------------

namespace internal {

// Calls `read(flag, context)` with indices that cycle; no division on the way.
template <typename Read>
void Cycle(std::size_t flags, std::size_t contexts, std::size_t start, std::size_t count, Read&& read) {
  std::size_t flag = start % flags, context = start % contexts;
  for (std::size_t i = 0; i < count; ++i) {
    read(flag, context);
    if (++flag == flags) flag = 0;
    if (++context == contexts) context = 0;
  }
}

inline bool ReadKey(const Client& client, const std::string& key, const Context& context, const Reads<bool>&) {
  return client.Bool(key, context, false);
}
inline std::string ReadKey(const Client& client, const std::string& key, const Context& context,
                           const Reads<std::string>&) {
  return client.String(key, context, "");
}

}  // namespace internal

template <typename Use>
void Workload::ByKey(const std::vector<Context>& contexts, std::size_t start, std::size_t count, Use&& use) const {
  std::visit(
      [&](const auto& r) {
        internal::Cycle(r.keys.size(), contexts.size(), start, count, [&](std::size_t flag, std::size_t context) {
          use(internal::ReadKey(*client, r.keys[flag], contexts[context], r));
        });
      },
      reads);
}

template <typename Use>
void Workload::ByHandle(const std::vector<Context>& contexts, std::size_t start, std::size_t count, Use&& use) const {
  std::visit(
      [&](const auto& r) {
        internal::Cycle(r.handles.size(), contexts.size(), start, count,
                        [&](std::size_t flag, std::size_t context) { use(r.handles[flag](contexts[context])); });
      },
      reads);
}

}  // namespace guidon::bench
