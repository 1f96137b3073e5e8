// The workloads of `./dev bench eval`: what an application does through the SDK's public face, from a bootstrap and
// with a server that is not there, over 1 000 contexts of five attributes each that are made before the clock starts.
//
//   no_rules            boolean, serves one thing to everyone
//   three_rules         boolean: country one of ten (miss), age > 65 (miss), plan is pro (hit)
//   three_rules_semver  the same with appVersion > 2.0.0 (miss) in place of age
//   rollout             string, 33/33/34 % by the context's key
//   prereq_segment      boolean: a prerequisite, and a segment of 1 000 keys that holds every context
//   store_5000          three_rules in a store of 5 000 such flags, walked in scrambled order
//   context_build       three_rules for a context of six attributes that is made for each read
//   targets_10000       boolean: 10 000 individual targets, of which every context is one
//   regex               boolean: email matches an expression (hit)
//   experiment          string, an experiment of two variants by the context's key, whose exposures are kept
//
// Instruction counts are kept of the first six and of experiment (bench/instructions.json).
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
inline constexpr std::size_t kTargets = 10'000;

// What an application knows of somebody.
struct Person {
  std::string key, country, app_version, plan, email;
  int age = 0;
};
// user-0 … user-999.
std::vector<Person> MakePeople();

inline constexpr Attribute kCountry("country"), kAppVersion("appVersion"), kPlan("plan"), kEmail("email"), kAge("age"),
    kBeta("beta");

inline void SetAll(const Person& person, Context& context) {
  context.Set(kCountry, person.country).Set(kAppVersion, person.app_version).Set(kPlan, person.plan);
  context.Set(kEmail, person.email).Set(kAge, person.age);
}

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
  double target_ns = 0;  // by handle, on one thread; 0: none
  std::shared_ptr<Client> client;
  std::variant<Reads<bool>, Reads<std::string>> reads;
  std::vector<Person> people;  // not empty: contexts are made of them, one for each read

  // Calls `use` with `count` results, from the context and the flag at `start` on, cycling through both.
  template <typename Use>
  void ByKey(const std::vector<Context>& contexts, std::size_t start, std::size_t count, Use&& use) const;
  template <typename Use>
  void ByHandle(const std::vector<Context>& contexts, std::size_t start, std::size_t count, Use&& use) const;
};

// All, in the order above.
std::vector<Workload> MakeWorkloads();
std::vector<std::string> WorkloadNames();
Workload MakeWorkload(const std::string& name);  // one of WorkloadNames()

// Whether every read of the workload decides what it is there to decide, and in the way that it is there to measure:
// the rules before the hit are looked at and miss, a changed context is answered otherwise. Empty, or what is wrong.
std::string Verify(const Workload& workload, const std::vector<Context>& contexts);

// Reads by this thread, both ways and on each processor, until each flag has its counters, each processor its copy of
// an expression, and every exposure was kept: reads that follow do what they do nearly always, whatever the sender of
// events does meanwhile.
void WarmUp(const Workload& workload, const std::vector<Context>& contexts);

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

// Calls `read(flag, context)`: with contexts that are there, or with one of six attributes that is made for it.
template <typename Read>
void CycleContexts(const std::vector<Context>& contexts, const std::vector<Person>& people, std::size_t flags,
                   std::size_t start, std::size_t count, Read&& read) {
  if (people.empty()) {
    Cycle(flags, contexts.size(), start, count,
          [&](std::size_t flag, std::size_t context) { read(flag, contexts[context]); });
    return;
  }
  Cycle(flags, people.size(), start, count, [&](std::size_t flag, std::size_t i) {
    Context context(people[i].key);
    SetAll(people[i], context);
    context.Set(kBeta, true);
    read(flag, context);
  });
}

}  // namespace internal

template <typename Use>
void Workload::ByKey(const std::vector<Context>& contexts, std::size_t start, std::size_t count, Use&& use) const {
  std::visit(
      [&](const auto& r) {
        internal::CycleContexts(contexts, people, r.keys.size(), start, count,
                                [&](std::size_t flag, const Context& context) {
                                  use(internal::ReadKey(*client, r.keys[flag], context, r));
                                });
      },
      reads);
}

template <typename Use>
void Workload::ByHandle(const std::vector<Context>& contexts, std::size_t start, std::size_t count, Use&& use) const {
  std::visit(
      [&](const auto& r) {
        internal::CycleContexts(contexts, people, r.handles.size(), start, count,
                                [&](std::size_t flag, const Context& context) { use(r.handles[flag](context)); });
      },
      reads);
}

}  // namespace guidon::bench
