#include "bench/eval/workloads.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <random>
#include <string_view>
#include <utility>

#include "core/base/hash.h"
#include "core/codec/wire.h"

namespace guidon::bench {
namespace {

// --- definitions, as the server streams them ------------------------------------------------------------------------

constexpr std::string_view kCountryRule =
    R"({"id":"countries","when":{"country":["AR","AU","BR","CA","CL","IN","JP","MX","NZ","US"]},"serve":"off"})";
constexpr std::string_view kAgeRule = R"({"id":"seniors","when":{"age":{"gt":65}},"serve":"off"})";
constexpr std::string_view kVersionRule =
    R"({"id":"next-app","when":{"appVersion":{"semver_gt":"2.0.0"}},"serve":"off"})";
constexpr std::string_view kPlanRule = R"({"id":"pro","when":{"plan":"pro"},"serve":"on"})";

EncodedEntity BooleanFlag(const std::string& key, const std::string& targeting) {
  return {"flag", key,
          R"({"definition":{"flag":")" + key + R"(","type":"boolean","environments":{"production":{"enabled":true,)" +
              targeting + "}}}}"};
}

EncodedEntity ThreeRules(const std::string& key, std::string_view second) {
  return BooleanFlag(key, R"("rules":[)" + std::string(kCountryRule) + "," + std::string(second) + "," +
                              std::string(kPlanRule) + R"(],"default":"off")");
}

constexpr std::string_view kTheme =
    R"("flag":"theme","type":"string","variations":{"blue":"blue","green":"green","grey":"grey"},)";

// Buckets 0 … 32 999 blue, … 65 999 green, the rest grey.
EncodedEntity ThreeWaySplit() {
  return {
      "flag", "theme",
      R"({"definition":{)" + std::string(kTheme) +
          R"("environments":{"production":{"enabled":true,"default":{"serve":{"blue":"33%","green":"33%","grey":"34%"}}}}},)"
          R"("state":{"environments":{"production":{"default":{"salt":"theme","arms":)"
          R"({"blue":[[0,33000]],"green":[[33000,66000]],"grey":[[66000,100000]]}}}}}})"};
}

// An experiment on the same flag: half of all blue, half green.
std::vector<EncodedEntity> Trial() {
  return {{"flag", "theme",
           R"({"definition":{)" + std::string(kTheme) +
               R"("environments":{"production":{"enabled":true,"default":"grey"}}}})"},
          {"experiment", "trial",
           R"({"definition":{"experiment":"trial","flag":"theme","environment":"production","unit":"key","variants":)"
           R"({"control":{"serves":"blue","weight":"50%"},"green":{"serves":"green","weight":"50%"}}},)"
           R"("state":{"status":"running","iteration":1,"salt":"trial#1",)"
           R"("arms":{"control":[[0,50000]],"green":[[50000,100000]]}}})"}};
}

std::uint64_t BucketOf(std::string_view salt, std::string_view key) {
  return (std::uint64_t{Murmur3(std::string(salt) + ":" + std::string(key))} * 100'000) >> 32;
}
std::string ThemeOf(std::string_view key) {
  const std::uint64_t bucket = BucketOf("theme", key);
  return bucket < 33'000 ? "blue" : bucket < 66'000 ? "green" : "grey";
}
std::string TrialOf(std::string_view key) {
  return BucketOf("trial#1", key) < 50'000 ? "blue" : "green";
}

EncodedEntity Members() {
  std::string record = R"({"definition":{"segment":"members","include":[)";
  for (std::size_t i = 0; i < kContexts; ++i) record += (i == 0 ? "\"user-" : ",\"user-") + std::to_string(i) + '"';
  return {"segment", "members", record + "]}}"};
}

// With a server that is not there: exposures and counts are kept for it. Its port is nobody's.
std::shared_ptr<Client> ClientWith(const std::vector<EncodedEntity>& entities) {
  ClientConfig config;
  config.server = "http://127.0.0.1:9";
  config.key = "gdn_srv_bench";
  config.bootstrap = EncodeSnapshot(SnapshotHeader{"bench", "production", "", 1}, entities);
  return std::make_shared<Client>(std::move(config));
}

EncodedEntity Targets() {
  std::string keys;
  for (std::size_t i = 0; i < kTargets; ++i) keys += (i == 0 ? "\"user-" : ",\"user-") + std::to_string(i) + '"';
  return BooleanFlag("invited", R"("targets":{"on":[)" + keys + R"(]},"default":"off")");
}

template <typename T>
Workload Make(const std::vector<EncodedEntity>& entities, const std::vector<std::string>& keys) {
  Workload workload;
  workload.client = ClientWith(entities);
  Reads<T> reads;
  for (const std::string& key : keys) {
    reads.keys.push_back(key);
    reads.handles.emplace_back(*workload.client, key, T());
  }
  workload.reads = std::move(reads);
  return workload;
}

Workload MakeStore() {
  std::vector<EncodedEntity> entities;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < kStoreFlags; ++i) {
    keys.push_back("store.flag-" + std::to_string(i));
    entities.push_back(ThreeRules(keys.back(), kAgeRule));
  }
  std::mt19937_64 random(5'000);  // std::shuffle may differ between libraries; any scrambled order will do
  std::shuffle(keys.begin(), keys.end(), random);
  return Make<bool>(entities, keys);
}

Workload MakeContextBuild() {
  Workload workload = Make<bool>({ThreeRules("checkout.fast", kAgeRule)}, {"checkout.fast"});
  workload.people = MakePeople();
  return workload;
}

// --- all of them ----------------------------------------------------------------------------------------------------

struct Recipe {
  std::string_view name;
  double target_ns;
  Workload (*make)();
};

constexpr std::array<Recipe, 10> kRecipes = {{
    {"no_rules", 15, [] { return Make<bool>({BooleanFlag("banner", R"("default":"on")")}, {"banner"}); }},
    {"three_rules", 40, [] { return Make<bool>({ThreeRules("checkout.fast", kAgeRule)}, {"checkout.fast"}); }},
    {"three_rules_semver", 90,
     [] { return Make<bool>({ThreeRules("checkout.fast", kVersionRule)}, {"checkout.fast"}); }},
    {"rollout", 35, [] { return Make<std::string>({ThreeWaySplit()}, {"theme"}); }},
    {"prereq_segment", 60,
     [] {
       return Make<bool>(
           {BooleanFlag(
                "accounts.v2",
                R"("rules":[{"id":"banned","when":{"email":"banned@shop.example"},"serve":"off"}],"default":"on")"),
            BooleanFlag("accounts.export", R"("requires":[{"flag":"accounts.v2","is":"on"}],)"
                                           R"("rules":[{"id":"members","when":{"segment":"members"},"serve":"on"}],)"
                                           R"("default":"off")"),
            Members()},
           {"accounts.export"});
     }},
    {"store_5000", 60, MakeStore},
    {"context_build", 120, MakeContextBuild},
    {"targets_10000", 60, [] { return Make<bool>({Targets()}, {"invited"}); }},
    {"regex", 250,
     [] {
       return Make<bool>(
           {BooleanFlag("staff",
                        R"("rules":[{"id":"staff","when":{"email":{"matches":"^[a-z0-9.+-]+@shop\\.example$"}},)"
                        R"("serve":"on"}],"default":"off")")},
           {"staff"});
     }},
    {"experiment", 0, [] { return Make<std::string>(Trial(), {"theme"}); }},
}};

// --- verification ---------------------------------------------------------------------------------------------------

// What a detail has to say.
struct Expected {
  std::string_view variation, rule;
  Reason reason = Reason::kError;
};

template <typename T>
std::string Differs(const EvaluationDetail<T>& detail, const Expected& expected) {
  if (detail.variation == expected.variation && detail.rule == expected.rule && detail.reason == expected.reason) {
    return "";
  }
  return "answers '" + detail.variation + "' by rule '" + detail.rule + "', " + std::string(ToString(detail.reason)) +
         (detail.message.empty() ? "" : " (" + detail.message + ")");
}

// The first flag answers this for a context that is `changed`.
std::string VerifyOther(const Reads<bool>& reads, const Context& changed, const Expected& expected) {
  const std::string fault = Differs(reads.handles.front().Detail(changed), expected);
  return fault.empty() ? "" : "a changed context: " + fault;
}

// A changed context is decided by each rule in turn: all of them are there, and in this order.
std::string VerifyRules(const Reads<bool>& reads, const Context& context, std::string_view second) {
  Context changed = context;
  changed.Set("plan", "free");
  if (std::string fault = VerifyOther(reads, changed, {"off", "", Reason::kDefault}); !fault.empty()) return fault;
  changed = context;
  changed.Set("age", 66).Set("appVersion", "2.0.1");
  if (std::string fault = VerifyOther(reads, changed, {"off", second, Reason::kTargetingMatch}); !fault.empty()) {
    return fault;
  }
  changed.Set("country", "US");
  return VerifyOther(reads, changed, {"off", "countries", Reason::kTargetingMatch});
}

// A stranger is not in the segment; without the prerequisite the flag is off.
std::string VerifySegment(const Reads<bool>& reads, const Context& context) {
  Context stranger = context;
  stranger.SetKey("stranger");
  if (std::string fault = VerifyOther(reads, stranger, {"off", "", Reason::kDefault}); !fault.empty()) return fault;
  stranger = context;
  stranger.Set("email", "banned@shop.example");
  return VerifyOther(reads, stranger, {"off", "", Reason::kPrerequisiteFailed});
}

// Nobody else is a target, or has such an address.
std::string VerifyHit(const Reads<bool>& reads, const Context& context) {
  Context stranger = context;
  stranger.SetKey("stranger").Set(kEmail, "user-1@shop-example");
  return VerifyOther(reads, stranger, {"off", "", Reason::kDefault});
}

std::string VerifyWhole(const std::string& name, const Reads<bool>& reads, const Context& context) {
  if (name == "three_rules" || name == "store_5000" || name == "context_build")
    return VerifyRules(reads, context, "seniors");
  if (name == "three_rules_semver") return VerifyRules(reads, context, "next-app");
  if (name == "prereq_segment") return VerifySegment(reads, context);
  if (name == "targets_10000" || name == "regex") return VerifyHit(reads, context);
  return "";
}

Expected ExpectedOf(const std::string& name) {
  if (name == "no_rules") return {"on", "", Reason::kStatic};
  if (name == "prereq_segment") return {"on", "members", Reason::kTargetingMatch};
  if (name == "targets_10000") return {"on", "", Reason::kTargetingMatch};
  if (name == "regex") return {"on", "staff", Reason::kTargetingMatch};
  return {"on", "pro", Reason::kTargetingMatch};
}

std::string VerifyReads(const Workload& workload, const Reads<bool>& reads, const std::vector<Context>& contexts) {
  const Expected expected = ExpectedOf(workload.name);
  const std::size_t rounds = std::max(reads.keys.size(), contexts.size());
  for (std::size_t i = 0; i < rounds; ++i) {
    const std::size_t flag = i % reads.keys.size();
    const Context& context = contexts[i % contexts.size()];
    for (const auto& detail :
         {reads.handles[flag].Detail(context), workload.client->BoolDetail(reads.keys[flag], context, false)}) {
      if (std::string fault = Differs(detail, expected); !fault.empty()) {
        return reads.keys[flag] + " for " + std::string(context.key()) + " " + fault;
      }
    }
    if (!reads.handles[flag](context) || !workload.client->Bool(reads.keys[flag], context, false)) {
      return reads.keys[flag] + " is false for " + std::string(context.key());
    }
  }
  return VerifyWhole(workload.name, reads, contexts.front());
}

std::string VerifyReads(const Workload& workload, const Reads<std::string>& reads,
                        const std::vector<Context>& contexts) {
  const bool is_trial = workload.name == "experiment";
  for (const Context& context : contexts) {
    const std::string theme = is_trial ? TrialOf(context.key()) : ThemeOf(context.key());
    const auto detail = reads.handles.front().Detail(context);
    std::string fault = Differs(detail, {theme, "", Reason::kSplit});
    if (fault.empty() && detail.experiment != (is_trial ? "trial" : "")) fault = "is not by the experiment";
    if (!fault.empty()) return "for " + std::string(context.key()) + " " + fault;
    if (reads.handles.front()(context) != theme || workload.client->String(reads.keys.front(), context, "") != theme) {
      return "for " + std::string(context.key()) + " serves another value than " + theme;
    }
  }
  return "";
}

}  // namespace

std::vector<Person> MakePeople() {
  constexpr std::array<const char*, 8> kCountries = {"DE", "FR", "NO", "SE", "IT", "ES", "NL", "PL"};  // in no rule
  std::vector<Person> people;
  people.reserve(kContexts);
  for (std::size_t i = 0; i < kContexts; ++i) {
    const std::string user = "user-" + std::to_string(i);
    people.push_back({user, kCountries[i % kCountries.size()],
                      "1." + std::to_string(i % 40) + "." + std::to_string(i % 7), "pro", user + "@shop.example",
                      static_cast<int>(18 + i % 48)});  // up to 65
  }
  return people;
}

std::vector<Context> MakeContexts() {
  std::vector<Context> contexts;
  contexts.reserve(kContexts);
  for (const Person& person : MakePeople()) SetAll(person, contexts.emplace_back(person.key));
  return contexts;
}

std::vector<std::string> WorkloadNames() {
  std::vector<std::string> names;
  for (const Recipe& recipe : kRecipes) names.emplace_back(recipe.name);
  return names;
}

Workload MakeWorkload(const std::string& name) {
  for (const Recipe& recipe : kRecipes) {
    if (recipe.name != name) continue;
    Workload workload = recipe.make();
    workload.name = name;
    workload.target_ns = recipe.target_ns;
    return workload;
  }
  return {};
}

std::vector<Workload> MakeWorkloads() {
  std::vector<Workload> workloads;
  for (const Recipe& recipe : kRecipes) workloads.push_back(MakeWorkload(std::string(recipe.name)));
  return workloads;
}

std::string Verify(const Workload& workload, const std::vector<Context>& contexts) {
  const ClientStatus status = workload.client->Status();
  if (status.source != RulesetSource::kBootstrap) return workload.name + ": the bootstrap was refused";
  if (!status.broken.empty()) {
    return workload.name + ": flag " + status.broken.front().first + ": " + status.broken.front().second;
  }
  std::string fault = std::visit([&](const auto& r) { return VerifyReads(workload, r, contexts); }, workload.reads);
  return fault.empty() ? "" : workload.name + ": " + fault;
}

namespace {

template <typename Work>
void OnEachProcessor(const Work& work) {
  cpu_set_t all;
  if (sched_getaffinity(0, sizeof all, &all) != 0) return;
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (!CPU_ISSET(processor, &all)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    if (sched_setaffinity(0, sizeof one, &one) == 0) work();
  }
  sched_setaffinity(0, sizeof all, &all);
}

}  // namespace

void WarmUp(const Workload& workload, const std::vector<Context>& contexts) {
  const std::size_t reads = std::max(kStoreFlags, contexts.size());
  for (int round = 0; round < 10; ++round) {
    workload.ByHandle(contexts, 0, reads, [](const auto&) {});
    workload.ByKey(contexts, 0, reads, [](const auto&) {});
    workload.client->Flush(std::chrono::milliseconds(10));
  }
  OnEachProcessor([&] { workload.ByHandle(contexts, 0, contexts.size(), [](const auto&) {}); });
}

}  // namespace guidon::bench
