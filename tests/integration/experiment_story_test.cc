// Three experiments in a shop, from the first exposure to the report, with everything real: a guidond on its disk, the
// SDK over HTTP, the fold, the keeper that acts, the report. One has a true effect, one harms a guardrail and is rolled
// back, of one the application loses exposures and it is paused. The server is killed in the middle, events are sent
// twice, late and in no order; in the end its numbers are those of a ledger that the simulation keeps for itself.
//
// GUIDON_STORY_USERS says how many users (20 000), GUIDON_STORY_SEED with which seed.
//
// The ledger knows when it called, the server the time of the SDK's clock, which is up to 100 ms behind. So what the
// order of two events decides is either of one client or further apart than that.
#include <gtest/gtest.h>
#include <guidon/client.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "stats/inference/confidence_sequence.h"
#include "stats/inference/effects.h"
#include "stats/inference/srm.h"
#include "tests/support/guidond.h"

namespace guidon {
namespace {

using testing::Eventually;
using testing::FromEnvironment;
using testing::Guidond;
using testing::HttpAnswer;

constexpr const char* kEnvironment = "/api/v1/projects/shop/environments/production";
constexpr std::int64_t kHour = 3'600'000, kDay = 24 * kHour;  // ms
constexpr std::int64_t kWindow = 72 * kHour, kLookback = 14 * kDay;
constexpr std::int64_t kClockStep = 200;  // twice of what the SDK's clock may be behind

std::int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// ---- The shop ----------------------------------------------------------------------------------------------------

enum Trial { kOnePage, kFastSearch, kBigImages, kTrials };
constexpr std::array<const char*, kTrials> kKeys = {"one-page", "fast-search", "big-images"};
constexpr std::array<const char*, kTrials> kFlags = {"checkout", "search", "images"};
enum Arm { kControl, kNew, kArms };
constexpr std::array<const char*, kArms> kArmNames = {"control", "new"};

// `default` of a flag is the new way, so that a rollback is seen by everybody.
std::string FlagOf(const std::string& key) {
  return R"({"kind": "flag", "key": ")" + key + R"(", "definition": {"flag": ")" + key +
         R"(", "type": "boolean", "owner": "tests", "environments": {"production": {"enabled": true, "default": "on"}}}})";
}

std::string TrialOf(Trial trial, const std::string& rest) {
  return std::string(R"({"kind": "experiment", "key": ")") + kKeys[trial] + R"(", "definition": {"experiment": ")" +
         kKeys[trial] + R"(", "owner": "tests", "flag": ")" + kFlags[trial] +
         R"(", "environment": "production", "unit": "account_id", "variants": {)" +
         R"("control": {"serves": "off", "weight": "50%"}, "new": {"serves": "on", "weight": "50%"}}, )" + rest + "}}";
}

std::string Definitions() {
  const std::string metrics =
      R"({"kind": "metric", "key": "revenue", "definition": {"metric": "revenue", "owner": "tests",
           "event": "order", "type": "sum", "value": "value", "window": "72h", "cap": "none"}},
         {"kind": "metric", "key": "reviewed", "definition": {"metric": "reviewed", "owner": "tests",
           "event": "review", "type": "conversion", "window": "72h"}},
         {"kind": "metric", "key": "page_latency", "definition": {"metric": "page_latency", "owner": "tests",
           "event": "page_shown", "type": "mean", "value": "duration_ms", "window": "none", "cap": "none",
           "direction": "down"}})";
  return R"({"changes": [)" + FlagOf("checkout") + "," + FlagOf("search") + "," + FlagOf("images") + "," + metrics +
         "," + TrialOf(kOnePage, R"json("state": "running", "metrics": {
           "primary": {"use": "revenue", "expect": "up", "detect": "3%"}, "secondary": ["reviewed"],
           "guardrails": [{"use": "page_latency", "never_worse_by": "5%"}]},
           "plan": {"method": "sequential", "adjust": "cuped(14d)"},
           "qa": {"force": [{"account_id": "qa-1", "variant": "new"}]})json") +
         "," + TrialOf(kFastSearch, R"("metrics": {"primary": {"use": "revenue", "expect": "up", "detect": "3%"},
           "guardrails": [{"use": "page_latency", "never_worse_by": "5%", "on_breach": "rollback"}]}, "plan": {"adjust": "none"})") +
         "," + TrialOf(kBigImages, R"("metrics": {"primary": {"use": "revenue", "expect": "up", "detect": "3%"}},
           "plan": {"adjust": "none"}, "stop": {"sample_ratio_mismatch": "pause"})") +
         "]}";
}

// ---- The ledger --------------------------------------------------------------------------------------------------

enum What { kOrder, kReview, kPage, kWhats };
constexpr std::array<const char*, kWhats> kEvents = {"order", "review", "page_shown"};

// What one arm of one experiment has to come to.
struct ArmFacts {
  std::uint64_t units = 0, multiple = 0, with_history = 0;
  std::map<std::string, std::uint64_t> by_country, by_platform;
  std::vector<std::array<double, 2>> revenue;  // of each unit, after its exposure and before
  double reviewed = 0;
  std::vector<double> latency;  // of each unit that saw a page
  std::array<std::uint64_t, kWhats> events{};
};

// All that happened to each user, in whatever order it is told.
class Ledger {
 public:
  struct User {
    std::string country, platform;
    std::array<std::vector<std::pair<std::int64_t, Arm>>, kTrials> exposed;
    struct Event {
      std::int64_t at;
      What what;
      double value;
    };
    std::vector<Event> events;
  };

  explicit Ledger(std::size_t users) : users_(users) {}
  User& operator[](std::size_t user) { return users_[user]; }
  const User& operator[](std::size_t user) const { return users_[user]; }
  // Nothing happened between the end of the experiment and this call.
  void End(Trial trial) { ended_[trial] = NowMs(); }

  std::array<ArmFacts, kArms> FactsOf(Trial trial) const {
    std::array<ArmFacts, kArms> facts;
    for (const User& user : users_) Add(user, trial, facts);
    return facts;
  }

 private:
  void Add(const User& user, Trial trial, std::array<ArmFacts, kArms>& facts) const {
    const auto& exposed = user.exposed[trial];
    if (exposed.empty()) return;
    const auto [first, arm] = *std::min_element(exposed.begin(), exposed.end());
    ArmFacts& into = facts[arm];
    if (std::any_of(exposed.begin(), exposed.end(), [arm = arm](const auto& one) { return one.second != arm; })) {
      ++into.multiple;
      return;
    }
    ++into.units;
    ++into.by_country[user.country];
    ++into.by_platform[user.platform];
    bool has_history = false;
    std::array<double, kWhats> after{}, before{};
    std::array<std::uint64_t, kWhats> counts{};
    for (const User::Event& event : user.events) {
      // Pages have no window: they count to the end.
      const std::int64_t end = event.what == kPage ? ended_[trial] : first + kWindow;
      if (event.at >= first && event.at < end) {
        after[event.what] += event.value;
        ++counts[event.what];
      } else if (event.at < first && event.at >= first - kLookback) {
        before[event.what] += event.value;
        has_history |= Looks(trial, event.what);
      }
    }
    into.with_history += has_history ? 1 : 0;
    into.revenue.push_back({after[kOrder], before[kOrder]});
    into.reviewed += counts[kReview] > 0 ? 1 : 0;
    if (counts[kPage] > 0) into.latency.push_back(after[kPage] / static_cast<double>(counts[kPage]));
    for (int what = 0; what < kWhats; ++what) into.events[what] += counts[what];
  }
  // Whether a metric of the experiment is of such events.
  static bool Looks(Trial trial, What what) {
    return what == kOrder || (what == kPage && trial != kBigImages) || trial == kOnePage;
  }

  std::vector<User> users_;
  std::array<std::int64_t, kTrials> ended_ = {INT64_MAX, INT64_MAX, INT64_MAX};
};

// That made the metric what it is, of both arms.
double EventsOf(const std::array<ArmFacts, kArms>& facts, std::string_view metric) {
  const What what = metric == "revenue" ? kOrder : metric == "reviewed" ? kReview : kPage;
  return static_cast<double>(facts[kControl].events[what] + facts[kNew].events[what]);
}

// In two passes: first the means, then what is left.
stats::CoMoments MomentsOf(const std::vector<std::array<double, 2>>& pairs) {
  stats::CoMoments moments;
  moments.n = static_cast<double>(pairs.size());
  std::array<long double, 2> sums{};
  for (const auto& pair : pairs) {
    for (int i = 0; i < 2; ++i) sums[i] += pair[i];
  }
  std::array<long double, 3> products{};
  const long double y = sums[0] / moments.n, x = sums[1] / moments.n;
  for (const auto& pair : pairs) {
    products[0] += (pair[0] - y) * (pair[0] - y);
    products[1] += (pair[0] - y) * (pair[1] - x);
    products[2] += (pair[1] - x) * (pair[1] - x);
  }
  moments.mean = {static_cast<double>(y), static_cast<double>(x)};
  for (int i = 0; i < 3; ++i) moments.products[i] = static_cast<double>(products[i]);
  return moments;
}

stats::Moments MomentsOf(const std::vector<double>& values) {
  std::vector<std::array<double, 2>> pairs;
  for (const double value : values) pairs.push_back({value, 0});
  return MomentsOf(pairs).Of(0);
}

// ---- What the server says ----------------------------------------------------------------------------------------

// "a.b.c" of objects; a member that is missing is null, and a failure.
const Value& In(const Value& value, std::string_view path) {
  static const Value kNone;
  const Value* at = &value;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    at = at->Find(path.substr(begin, end - begin));
    if (at == nullptr) {
      ADD_FAILURE() << "no " << path << " in " << ToJson(value).substr(0, 500);
      return kNone;
    }
    begin = end + 1;
  }
  return *at;
}
double Number(const Value& value, std::string_view path) {
  return In(value, path).AsDouble();
}
// The element of a list whose member `name` is `text`.
const Value& Named(const Value& list, std::string_view name, std::string_view text) {
  static const Value kNone;
  for (const Value& one : list.AsArray()) {
    if (const Value* member = one.Find(name); member != nullptr && member->AsString() == text) return one;
  }
  ADD_FAILURE() << "nothing whose " << name << " is " << text << " in " << ToJson(list).substr(0, 500);
  return kNone;
}

void ExpectNear(double is, double expected, const char* what) {
  EXPECT_LE(std::abs(is - expected), 1e-9 * std::abs(expected) + 1e-15) << what << ": " << is << " for " << expected;
}

void ExpectMoments(const Value& arm, const stats::CoMoments& expected) {
  EXPECT_EQ(Number(arm, "n"), expected.n);
  for (std::size_t i = 0; i < 2; ++i) {
    ExpectNear(In(arm, "mean").AsArray().at(i).AsDouble(), expected.mean[i], "mean");
  }
  for (std::size_t i = 0; i < 3; ++i) {
    ExpectNear(In(arm, "products").AsArray().at(i).AsDouble(), expected.products[i], "products");
  }
}
void ExpectMoments(const Value& arm, const stats::Moments& expected) {
  EXPECT_EQ(Number(arm, "n"), expected.n);
  ExpectNear(Number(arm, "mean"), expected.mean, "mean");
  ExpectNear(Number(arm, "m2"), expected.m2, "m2");
}

void ExpectEffect(const Value& estimate, const stats::Outcome<stats::Effect>& effect) {
  ASSERT_TRUE(effect) << effect.error().message;
  ExpectNear(Number(estimate, "effect"), effect->point, "effect");
  ExpectNear(Number(estimate, "standard_error"), effect->standard_error, "standard error");
  ExpectNear(Number(estimate, "control"), effect->control_mean, "control");
  ExpectNear(Number(estimate, "treatment"), effect->treatment_mean, "treatment");
}
// Of a goal: the interval that holds at every moment.
void ExpectEstimate(const Value& estimate, const stats::ArmStatistic& control, const stats::ArmStatistic& treatment,
                    stats::Scale scale = stats::Scale::kRelative) {
  const stats::Outcome<stats::Effect> effect = stats::EffectOf(control, treatment, scale);
  ExpectEffect(estimate, effect);
  const auto sequence = stats::ConfidenceSequence(*effect, {.alpha = 0.05});
  ASSERT_TRUE(sequence);
  ExpectNear(Number(estimate, "lower"), sequence->estimate.interval.lower, "lower");
  ExpectNear(Number(estimate, "upper"), sequence->estimate.interval.upper, "upper");
  ExpectNear(Number(estimate, "p"), sequence->estimate.p_value, "p");
}
// Of the guardrail page_latency, which is not to be worse by more than 5 %.
void ExpectGuarded(const Value& comparison, const std::array<ArmFacts, kArms>& facts) {
  const stats::MeanStatistic control{MomentsOf(facts[kControl].latency)}, treatment{MomentsOf(facts[kNew].latency)};
  const auto effect = stats::EffectOf(control, treatment, stats::Scale::kRelative);
  const Value& estimate = In(comparison, "estimate");
  ExpectEffect(estimate, effect);
  ExpectNear(Number(estimate, "effect"), treatment.y.mean / control.y.mean - 1, "lift");
  stats::SequencePlan plan{.alpha = 0.05, .alternative = stats::Alternative::kGreater, .null_value = 0.05};
  const auto above = stats::ConfidenceSequence(*effect, plan);
  plan.alternative = stats::Alternative::kLess;
  const auto below = stats::ConfidenceSequence(*effect, plan);
  ASSERT_TRUE(above && below);
  ExpectNear(Number(estimate, "lower"), above->estimate.interval.lower, "lower");
  ExpectNear(Number(estimate, "upper"), below->estimate.interval.upper, "upper");
  ExpectNear(Number(estimate, "p"), above->estimate.p_value, "p of harm");
}

// ---- The story ---------------------------------------------------------------------------------------------------

class Story {
 public:
  Story(std::size_t users, unsigned seed)
      : server_({.listen = "127.0.0.1:" + std::to_string(testing::FixedPort())}),
        users_(users),
        random_(seed),
        ledger_(users + 1) {  // one more, that nothing is written down of
    constexpr std::array kCountries = {"DE", "FR", "NL"};
    constexpr std::array kPlatforms = {"web", "ios"};
    for (std::size_t user = 0; user < users; ++user) {
      ledger_[user].country = kCountries[random_() % kCountries.size()];
      ledger_[user].platform = kPlatforms[random_() % kPlatforms.size()];
      spend_.push_back(20 + 20 * Share());
    }
  }

  void Open() {
    ASSERT_EQ(Post("/api/v1/projects", R"({"project": "shop", "environments": {"production": {}}})").status, 201);
    key_ = server_.CreateSdkKey("shop", "production");
  }
  // The experiment whose effect is true begins; the others are drafts.
  void Begin() {
    const HttpAnswer applied = Post("/api/v1/projects/shop/changes", Definitions());
    ASSERT_EQ(applied.status, 200) << applied.body;
    ClientConfig config;
    config.server = server_.url();
    config.key = key_;
    config.backoff_first = std::chrono::milliseconds(5);
    config.backoff_most = std::chrono::milliseconds(50);
    config.failures_before_polling = 1'000'000;
    config.flush_interval = std::chrono::milliseconds(10);
    config.max_queued_events = 4'000'000;
    config.max_queued_bytes = std::size_t{2} << 30;
    client_ = std::make_unique<Client>(config);
    ASSERT_TRUE(client_->WaitReady(testing::kPatience));
    WaitForStart(kOnePage);
  }
  void Start(Trial trial) {
    const HttpAnswer started = Post(std::string("/api/v1/projects/shop/experiments/") + kKeys[trial] + "/start", "{}");
    ASSERT_EQ(started.status, 200) << started.body;
    WaitForStart(trial);
  }

  // Users from `begin` on come to the shop; what they are shown is up to the experiments that run.
  void Visit(std::size_t begin, std::size_t end, bool all_trials) {
    for (std::size_t user = begin; user < end; ++user) Visit(user, all_trials);
  }
  // Somebody who only tries.
  void VisitOfQa() {
    Context context("qa");
    context.Set("account_id", "qa-1");
    EXPECT_TRUE(client_->BoolDetail("checkout", context, false).forced);
  }

  void Kill() { server_.Kill(); }
  void Restart() { server_.Start(); }
  void Flush() {
    ASSERT_TRUE(client_->Flush(3 * testing::kPatience)) << client_->Status().events.last_error;
    DroppedEvents others = client_->Status().events.dropped;
    others.exposures = 0;  // which were offered again
    EXPECT_EQ(others, DroppedEvents());
  }
  std::size_t Queued() const { return client_->Status().events.queued; }
  std::uint64_t Batches() const { return client_->Status().events.batches; }

  // Orders of the last days, of every `step`th user from `first` on; some are too old to count.
  void TellHistory(std::size_t first, std::size_t step) {
    std::vector<Value> events;
    const std::int64_t now = NowMs();
    for (std::size_t user = first; user < users_; user += step) {
      const auto day = static_cast<std::int64_t>(1 + random_() % 13);
      events.push_back(Track(user, kOrder, now - day * kDay, Cents(spend_[user] * (0.8 + 0.4 * Share()))));
      if (user % 16 < 2) events.push_back(Track(user, kOrder, now - 20 * kDay, 1'000));
    }
    Send(std::move(events));
  }

  // An application that was offline: what it has is old, and comes in any order and in batches of its own, orders
  // before the exposures that they count for. Of users that came by the SDK, some saw the other arm, some were exposed
  // again, some already before they came by the SDK; `strangers` were never seen by it.
  void TellLate(std::size_t strangers) {
    const std::int64_t early = started_[kOnePage] + 1;
    const Peek peek = client_->Peek();
    std::vector<Value> outcomes, exposures;
    std::size_t user = 0;
    const auto arm_of = [&](std::size_t of) {
      return peek.BoolDetail("checkout", ContextOf(of), false).variant == "new" ? kNew : kControl;
    };
    for (; user < 40; ++user) exposures.push_back(Expose(user, NowMs(), arm_of(user) == kNew ? kControl : kNew));
    for (; user < 80; ++user) {
      outcomes.push_back(Track(user, kOrder, early + kClockStep, 25));
      exposures.push_back(Expose(user, early, arm_of(user)));
    }
    for (; user < 120; ++user) exposures.push_back(Expose(user, NowMs(), arm_of(user)));
    for (; user < 320; ++user) {
      outcomes.push_back(Track(user, kOrder, NowMs() - static_cast<std::int64_t>(random_() % 50), 12.5));
    }
    for (user = users_ - strangers; user < users_; ++user) {
      const Arm arm = arm_of(user);
      outcomes.push_back(Track(user, kOrder, early + 3, Cents(spend_[user] * (arm == kNew ? 1.03 : 1))));
      outcomes.push_back(Track(user, kOrder, early + 1, 5));  // before the exposure: history
      exposures.push_back(Expose(user, early + 2, arm));
    }
    Send(std::move(outcomes));
    Send(std::move(exposures));
  }
  // What counts nowhere, and is counted as such.
  void TellNonsense() {
    std::vector<Value> events;
    for (int i = 0; i < 3; ++i) events.push_back(ExposureOf(kOnePage, 0, NowMs(), "third"));
    for (int i = 0; i < 4; ++i) events.push_back(ExposureOf(kOnePage, users_, NowMs() - kHour, "new"));
    for (int i = 0; i < 5; ++i) {
      events.push_back(Object{{"type", "track"},
                              {"time", NowMs()},
                              {"event", "order"},
                              {"value", 9},
                              {"context", Object{{"key", "guest"}}}});
    }
    Send(std::move(events));
  }

  // Of the experiment that was rolled back: what happened before it, and comes now, counts; what happens now does not,
  // but for orders, whose window is open. Users that it has never seen, and users that it has.
  void TellAfterTheEnd(std::size_t unseen, std::size_t seen) {
    std::vector<Value> events;
    for (std::size_t user = unseen; user < unseen + 40; ++user) {
      events.push_back(Expose(user, started_[kFastSearch] + 1, user % 2 == 0 ? kNew : kControl, kFastSearch));
      events.push_back(Track(user, kOrder, started_[kFastSearch] + 2, 30));
      events.push_back(Track(user, kPage, started_[kFastSearch] + 3, 210));
    }
    for (std::size_t user = seen; user < seen + 40; ++user) {
      events.push_back(Track(user, kOrder, NowMs(), 20));
      events.push_back(Track(user, kPage, NowMs(), 999));
    }
    for (int i = 0; i < 6; ++i) events.push_back(ExposureOf(kFastSearch, users_, NowMs(), "new"));
    Send(std::move(events));
  }

  // Every batch of the journal once more, with its id.
  void SendAllAgain() {
    std::string after = "0", last;
    int batches = 0;
    while (after != last) {
      last = after;
      const HttpAnswer page = server_.Call("GET", std::string(kEnvironment) + "/events?limit=100&after=" + after);
      ASSERT_EQ(page.status, 200) << page.body << page.fault;
      after = page.Header("Guidon-After");
      for (std::size_t begin = 0, end = 0; begin < page.body.size(); begin = end + 1, ++batches) {
        end = page.body.find('\n', begin);
        const std::string_view entry = std::string_view(page.body).substr(begin, end - begin);
        const HttpAnswer answer = PostEvents(R"({"batch":)" + std::string(RawMember(entry, "batch")) + R"(,"events":)" +
                                             std::string(RawMember(entry, "events")) + "}");
        ASSERT_EQ(answer.status, 202) << answer.body;
        ASSERT_NE(answer.body.find(R"("duplicate":true)"), std::string::npos) << answer.body;
      }
    }
    EXPECT_GT(batches, 10);
  }

  // Until the units and events that the ledger knows are counted.
  void WaitForFold() {
    for (int i = 0; i < kTrials; ++i) {
      const auto trial = static_cast<Trial>(i);
      if (started_[i] == 0) continue;
      const auto facts = ledger_.FactsOf(trial);
      ASSERT_TRUE(Eventually([&] { return HasCounted(trial, facts); }, 4 * testing::kPatience))
          << kKeys[trial] << " has not come to all that happened: " << ToJson(Totals(trial)).substr(0, 2'000);
    }
  }

  // Nothing is known of it before the first of its facts.
  bool HasRejected(std::string_view counted) const {
    const HttpAnswer answer = server_.Call("GET", PathOf(kOnePage) + "/totals");
    return answer.status == 200 && answer.body.find(counted) != std::string::npos;
  }

  Value Get(const std::string& path) const {
    const HttpAnswer answer = server_.Call("GET", path);
    EXPECT_EQ(answer.status, 200) << path << ": " << answer.body << answer.fault;
    const Result<Value> body = ParseJson(answer.body);
    return body ? *body : Value();
  }
  Value Totals(Trial trial) const { return Get(PathOf(trial) + "/totals"); }
  Value Report(Trial trial) const { return Get(PathOf(trial) + "/report"); }
  Value Status(Trial trial) const {
    return Get(std::string("/api/v1/projects/shop/experiments/") + kKeys[trial] + "/status");
  }
  bool WaitForStatus(Trial trial, std::string_view status) {
    return Eventually([&] { return In(Status(trial), "status").AsString() == status; }, 4 * testing::kPatience);
  }
  void NoteEnd(Trial trial) { ledger_.End(trial); }
  // What a user is shown now.
  EvaluationDetail<bool> Look(Trial trial, std::size_t user) const {
    return client_->Peek().BoolDetail(kFlags[trial], ContextOf(user), false);
  }
  std::array<ArmFacts, kArms> Expected(Trial trial) const { return ledger_.FactsOf(trial); }
  const Guidond& server() const { return server_; }

 private:
  double Share() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  static double Cents(double amount) { return std::round(amount * 100) / 100; }
  static std::string PathOf(Trial trial) { return std::string(kEnvironment) + "/experiments/" + kKeys[trial]; }

  HttpAnswer Post(const std::string& path, const std::string& body) const {
    return server_.Call("POST", path, {.body = body});
  }
  HttpAnswer PostEvents(std::string batch) const {
    return server_.Call("POST", "/sdk/v1/events", {.key = key_, .body = std::move(batch)});
  }

  // Until the application has it, and its clock is past the start.
  void WaitForStart(Trial trial) {
    ASSERT_TRUE(Eventually([&] { return Look(trial, 0).experiment == kKeys[trial]; }));
    started_[trial] = NowMs();
    ASSERT_TRUE(Eventually([&] { return NowMs() > started_[trial] + 3 * kClockStep; }));
  }

  Context ContextOf(std::size_t user) const {
    Context context("user-" + std::to_string(user));
    context.Set("account_id", "acct-" + std::to_string(user));
    context.Set("country", ledger_[user].country);
    context.Set("platform", ledger_[user].platform);
    return context;
  }

  // One thread that meets new users as fast as this finds no room for an exposure now and then: the SDK says so, and
  // the next read of the user has it.
  Arm Expose(Trial trial, std::size_t user, const Context& context) {
    for (;; testing::Pause()) {
      const std::int64_t now = NowMs();
      const EvaluationDetail<bool> detail = client_->BoolDetail(kFlags[trial], context, false);
      EXPECT_EQ(detail.experiment, kKeys[trial]);
      const std::uint64_t dropped = client_->Status().events.dropped.exposures;
      if (std::exchange(dropped_, dropped) != dropped) continue;
      const Arm arm = detail.value ? kNew : kControl;
      ledger_[user].exposed[trial].emplace_back(now, arm);
      return arm;
    }
  }
  void Happens(std::size_t user, const Context& context, What what, double value) {
    ledger_[user].events.push_back({NowMs(), what, value});
    if (what == kPage) {
      client_->Track(kEvents[what], context, {{"duration_ms", value}});
    } else {
      client_->Track(kEvents[what], context, value);
    }
  }

  void Visit(std::size_t user, bool all_trials) {
    const Context context = ContextOf(user);
    const Arm checkout = Expose(kOnePage, user, context);
    double slower = 1;
    if (all_trials) {
      if (Expose(kFastSearch, user, context) == kNew) slower = 1.3;
      // Where the images are new the page is often left before the exposure is recorded.
      const bool is_lost = client_->Peek().Bool("images", context, false) && random_() % 10 < 3;
      if (!is_lost) Expose(kBigImages, user, context);
    }
    if (all_trials || user % 4 == 0) Happens(user, context, kPage, std::round(slower * (150 + 100 * Share())));
    const double amount = spend_[user] * (0.8 + 0.4 * Share()) * (checkout == kNew ? 1.03 : 1);
    Happens(user, context, kOrder, Cents(amount));
    if (random_() % 10 == 0) Happens(user, context, kOrder, 10);
    if (random_() % 5 == 0) Happens(user, context, kReview, 1);
  }

  // As they are written into the ledger and sent.
  Value Track(std::size_t user, What what, std::int64_t at, double value) {
    ledger_[user].events.push_back({at, what, value});
    Object event{{"type", "track"},
                 {"time", at},
                 {"event", kEvents[what]},
                 {"value", value},
                 {"context", ContextOf(user).ToValue()}};
    if (what == kPage) event.Append("attributes", Object{{"duration_ms", value}});
    return event;
  }
  Value Expose(std::size_t user, std::int64_t at, Arm arm, Trial trial = kOnePage) {
    ledger_[user].exposed[trial].emplace_back(at, arm);
    return ExposureOf(trial, user, at, kArmNames[arm]);
  }
  Value ExposureOf(Trial trial, std::size_t user, std::int64_t at, std::string_view variant) const {
    return Object{{"type", "exposure"},
                  {"time", at},
                  {"flag", kFlags[trial]},
                  {"experiment", kKeys[trial]},
                  {"iteration", 1},
                  {"variant", variant},
                  {"role", "assigned"},
                  {"unit_attribute", "account_id"},
                  {"unit", "acct-" + std::to_string(user)},
                  {"bucket", 0},
                  {"revision", client_->Status().revision},
                  {"context", ContextOf(user).ToValue()}};
  }
  // In no order, in batches as large as they may be.
  void Send(std::vector<Value> events) {
    std::shuffle(events.begin(), events.end(), random_);
    for (std::size_t begin = 0; begin < events.size(); begin += 1'000) {
      const std::size_t end = std::min(events.size(), begin + 1'000);
      Array some(events.begin() + static_cast<std::ptrdiff_t>(begin),
                 events.begin() + static_cast<std::ptrdiff_t>(end));
      const std::string id = "of-an-old-application-" + std::to_string(++batches_);
      const HttpAnswer answer =
          PostEvents(ToJson(Object{{"batch", id}, {"sent", NowMs()}, {"events", std::move(some)}}));
      ASSERT_EQ(answer.status, 202) << answer.body;
      ASSERT_NE(answer.body.find(R"("rejected":[])"), std::string::npos) << answer.body;
    }
  }

  // Not asked all the time: an answer costs the server what it needs for counting.
  bool HasCounted(Trial trial, const std::array<ArmFacts, kArms>& facts) const {
    for (int i = 0; i < 10; ++i) testing::Pause();
    const Value totals = Totals(trial);
    double units = 0, expected = 0;
    for (const ArmFacts& arm : facts) expected += static_cast<double>(arm.units + arm.multiple);
    for (const Value& arm : In(totals, "units").AsArray()) units += Number(arm, "units") + Number(arm, "multiple");
    const Array& metrics = In(totals, "metrics").AsArray();
    return !In(totals, "rebuilding").AsBool() && units == expected &&
           std::all_of(metrics.begin(), metrics.end(), [&](const Value& metric) {
             return Number(metric, "events") == EventsOf(facts, In(metric, "metric").AsString());
           });
  }

  Guidond server_;
  const std::size_t users_;
  std::mt19937_64 random_;
  Ledger ledger_;
  std::vector<double> spend_;  // what an order of each is worth
  std::string key_;
  std::unique_ptr<Client> client_;
  std::array<std::int64_t, kTrials> started_{};
  int batches_ = 0;
  std::uint64_t dropped_ = 0;  // exposures, so far
};

void ExpectUnits(const Value& counts, const std::array<ArmFacts, kArms>& expected) {
  for (int arm = 0; arm < kArms; ++arm) {
    const Value& is = Named(counts, "variant", kArmNames[arm]);
    EXPECT_EQ(Number(is, "units"), static_cast<double>(expected[arm].units));
    EXPECT_EQ(Number(is, "multiple"), static_cast<double>(expected[arm].multiple));
    EXPECT_EQ(Number(is, "with_history"), static_cast<double>(expected[arm].with_history));
  }
}

void ExpectSlices(const Value& slices, const std::array<ArmFacts, kArms>& expected) {
  std::size_t seen = 0;
  for (const Value& slice : slices.AsArray()) {
    const std::string dimension = In(slice, "dimension").AsString(), value = In(slice, "value").AsString();
    if (dimension != "country" && dimension != "platform") continue;
    ++seen;
    for (int arm = 0; arm < kArms; ++arm) {
      const auto& units = dimension == "country" ? expected[arm].by_country : expected[arm].by_platform;
      const auto found = units.find(value);
      EXPECT_EQ(Number(Named(In(slice, "units"), "variant", kArmNames[arm]), "units"),
                static_cast<double>(found == units.end() ? 0 : found->second))
          << dimension << " " << value;
    }
  }
  EXPECT_EQ(seen, 5u);
}

// What the experiment has come to, against the ledger: counts exactly, moments to 1e-9.
void ExpectTotals(const Value& totals, const std::array<ArmFacts, kArms>& expected, bool is_adjusted) {
  ExpectUnits(In(totals, "units"), expected);
  ExpectSlices(In(totals, "slices"), expected);
  for (const Value& metric : In(totals, "metrics").AsArray()) {
    const std::string name = In(metric, "metric").AsString();
    SCOPED_TRACE(name);
    EXPECT_EQ(Number(metric, "events"), EventsOf(expected, name));
    for (int a = 0; a < kArms; ++a) {
      const ArmFacts& arm = expected[a];
      const Value& is = Named(In(metric, "arms"), "variant", kArmNames[a]);
      if (name == "revenue" && is_adjusted) ExpectMoments(is, MomentsOf(arm.revenue));
      if (name == "revenue" && !is_adjusted) ExpectMoments(is, MomentsOf(arm.revenue).Of(0));
      if (name == "page_latency") ExpectMoments(is, MomentsOf(arm.latency));
      if (name == "reviewed") {
        EXPECT_EQ(Number(is, "n"), static_cast<double>(arm.units));
        EXPECT_EQ(Number(is, "successes"), arm.reviewed);
      }
    }
  }
}

void ExpectTrueEffect(const Value& report, const std::array<ArmFacts, kArms>& expected) {
  for (const Value& gate : In(report, "gates").AsArray())
    EXPECT_NE(In(gate, "light").AsString(), "red") << ToJson(gate);
  const stats::CupedStatistic control{MomentsOf(expected[kControl].revenue)},
      treatment{MomentsOf(expected[kNew].revenue)};
  const Value& revenue = Named(In(report, "metrics"), "metric", "revenue");
  const Value& compared = Named(In(revenue, "comparisons"), "variant", "new");
  ExpectEstimate(In(compared, "estimate"), control, treatment);
  ExpectEstimate(In(compared, "absolute"), control, treatment, stats::Scale::kAbsolute);
  ExpectEstimate(In(compared, "unadjusted"), stats::WithoutCovariate(control), stats::WithoutCovariate(treatment));
  // The same by hand: what the arms differ in, but for what they differed in before.
  const stats::CoMoments both = stats::Merge(control.yx, treatment.yx);
  const double theta = both.products[1] / both.products[2];
  ExpectNear(Number(compared, "estimate.effect"),
             (treatment.yx.mean[0] - control.yx.mean[0] - theta * (treatment.yx.mean[1] - control.yx.mean[1])) /
                 control.yx.mean[0],
             "lift");
  EXPECT_EQ(In(compared, "found").AsString(), "better") << ToJson(compared);
  EXPECT_LT(Number(compared, "estimate.lower"), 0.03);
  EXPECT_GT(Number(compared, "estimate.upper"), 0.03);

  const Value& reviewed = Named(In(report, "metrics"), "metric", "reviewed");
  ExpectEstimate(In(Named(In(reviewed, "comparisons"), "variant", "new"), "estimate"),
                 stats::ProportionStatistic{static_cast<double>(expected[kControl].units), expected[kControl].reviewed},
                 stats::ProportionStatistic{static_cast<double>(expected[kNew].units), expected[kNew].reviewed});
  const Value& latency = Named(In(report, "metrics"), "metric", "page_latency");
  const Value& guarded = Named(In(latency, "comparisons"), "variant", "new");
  ExpectGuarded(guarded, expected);
  EXPECT_EQ(In(guarded, "guardrail").AsString(), "safe");
}

void ExpectHarm(const Value& report, const std::array<ArmFacts, kArms>& expected) {
  EXPECT_EQ(In(report, "decision").AsString(), "stop_for_harm") << In(report, "verdict").AsString();
  const Value& latency = Named(In(report, "metrics"), "metric", "page_latency");
  const Value& guarded = Named(In(latency, "comparisons"), "variant", "new");
  ExpectGuarded(guarded, expected);
  EXPECT_EQ(In(guarded, "guardrail").AsString(), "harmed");
  const Value& revenue = Named(In(report, "metrics"), "metric", "revenue");
  ExpectEstimate(In(Named(In(revenue, "comparisons"), "variant", "new"), "estimate"),
                 stats::MeanStatistic{MomentsOf(expected[kControl].revenue).Of(0)},
                 stats::MeanStatistic{MomentsOf(expected[kNew].revenue).Of(0)});
}

void ExpectBrokenSplit(const Value& report, const std::array<ArmFacts, kArms>& expected) {
  EXPECT_EQ(In(report, "decision").AsString(), "cannot_say");
  EXPECT_TRUE(In(report, "results_hidden").AsBool());
  const Value& gate = Named(In(report, "gates"), "id", "sample_ratio");
  EXPECT_EQ(In(gate, "light").AsString(), "red");
  const std::array<double, kArms> units = {static_cast<double>(expected[kControl].units),
                                           static_cast<double>(expected[kNew].units)};
  for (std::size_t arm = 0; arm < kArms; ++arm) {
    EXPECT_EQ(In(gate, "numbers.observed").AsArray().at(arm).AsDouble(), units[arm]);
  }
  const double half = (units[0] + units[1]) / 2;
  ExpectNear(Number(gate, "numbers.chi_squared"), 2 * (units[0] - half) * (units[0] - half) / half, "chi-square");
  ExpectNear(Number(gate, "numbers.p"), stats::TestRatio(units, std::array<double, kArms>{0.5, 0.5})->p_value, "p");
  for (const Value& metric : In(report, "metrics").AsArray()) EXPECT_TRUE(In(metric, "comparisons").AsArray().empty());
}

// The one revision in which the server did it by itself, with what it had found.
void ExpectDeed(const Story& story, Trial trial, std::string_view kind, std::string_view action) {
  const Value status = story.Status(trial);
  ASSERT_EQ(In(status, "findings").AsArray().size(), 1u) << ToJson(status);
  const Value& finding = In(status, "findings").AsArray().front();
  EXPECT_EQ(In(finding, "kind").AsString(), kind);
  EXPECT_EQ(In(finding, "action").AsString(), action);
  const Value audit =
      story.Get(std::string("/api/v1/projects/shop/audit?principal=system:experiment&key=") + kKeys[trial]);
  ASSERT_EQ(In(audit, "entries").AsArray().size(), 1u) << ToJson(audit);
  const Value& entry = In(audit, "entries").AsArray().front();
  EXPECT_EQ(In(entry, "revision"), In(status, "revision")) << "nothing has touched it since";
  EXPECT_EQ(In(entry, "comment"), In(finding, "sentence"));
}

// Promise R9.
TEST(ExperimentStoryTest, ReportsAreThoseOfTheSimulationsOwnLedger) {
  const auto users = static_cast<std::size_t>(FromEnvironment("GUIDON_STORY_USERS", 20'000));
  const int seed = FromEnvironment("GUIDON_STORY_SEED", 20261130);
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::cout << "seed " << seed << ", " << users << " users\n";
  // Few until the server has acted, so that it is over before it looks again, a minute after its start: what it does
  // may not fall between two visits, for nobody could say which side of it they are on.
  const std::size_t before = 10'000, all_three = before + 4'000, strangers = 300;
  ASSERT_LT(all_three + strangers, users);
  Story story(users, static_cast<unsigned>(seed));
  ASSERT_NO_FATAL_FAILURE(story.Open());
  ASSERT_NO_FATAL_FAILURE(story.TellHistory(0, 8));  // before anybody measures anything
  ASSERT_NO_FATAL_FAILURE(story.Begin());

  // Killed while the application sends, and goes on.
  story.VisitOfQa();
  ASSERT_NO_FATAL_FAILURE(story.TellNonsense());
  story.Visit(0, before / 2, false);
  ASSERT_TRUE(Eventually([&] { return story.Batches() > 0; }));
  story.Kill();
  story.Visit(before / 2, before, false);
  EXPECT_GT(story.Queued(), 0u) << "it was killed in the middle of nothing";
  story.Restart();
  ASSERT_NO_FATAL_FAILURE(story.Flush());
  // What has no unit is rejected for whoever is measured when it is looked at.
  ASSERT_TRUE(Eventually([&] { return story.HasRejected(R"("no_unit":5)"); }));

  ASSERT_NO_FATAL_FAILURE(story.Start(kFastSearch));
  ASSERT_NO_FATAL_FAILURE(story.Start(kBigImages));
  story.Visit(before, all_three, true);
  story.Visit(1'000, 1'300, true);  // they come back
  ASSERT_NO_FATAL_FAILURE(story.Flush());
  ASSERT_NO_FATAL_FAILURE(story.WaitForFold());

  // Killed again. It looks at what runs when it starts, not only once a minute.
  story.Kill();
  story.Restart();
  ASSERT_TRUE(story.WaitForStatus(kFastSearch, "stopped")) << story.server().Log();
  story.NoteEnd(kFastSearch);
  ASSERT_TRUE(story.WaitForStatus(kBigImages, "paused")) << story.server().Log();
  ExpectDeed(story, kFastSearch, "guardrail_breached", "rollback");
  ExpectDeed(story, kBigImages, "sample_ratio_mismatch", "pause");
  EXPECT_EQ(In(story.Status(kOnePage), "status").AsString(), "running");
  for (std::size_t user = 0; user < 10; ++user) {
    // Everybody has the control, and for the images what the flag says.
    EXPECT_TRUE(Eventually([&] {
      const auto look = story.Look(kFastSearch, user);
      return look.experiment.empty() && !look.value;
    }));
    EXPECT_TRUE(Eventually([&] { return story.Look(kBigImages, user).experiment.empty(); }));
  }

  story.Visit(all_three, users - strangers, false);
  ASSERT_NO_FATAL_FAILURE(story.TellHistory(1, 8));
  ASSERT_NO_FATAL_FAILURE(story.TellLate(strangers));
  ASSERT_NO_FATAL_FAILURE(story.TellAfterTheEnd(2'000, before + 100));
  ASSERT_NO_FATAL_FAILURE(story.Flush());
  ASSERT_NO_FATAL_FAILURE(story.SendAllAgain());
  ASSERT_NO_FATAL_FAILURE(story.WaitForFold());

  for (const Trial trial : {kOnePage, kFastSearch, kBigImages}) {
    SCOPED_TRACE(kKeys[trial]);
    const auto expected = story.Expected(trial);
    const Value report = story.Report(trial), totals = story.Totals(trial);
    ExpectTotals(totals, expected, trial == kOnePage);
    if (trial == kOnePage) ExpectTrueEffect(report, expected);
    if (trial == kFastSearch) ExpectHarm(report, expected);
    if (trial == kBigImages) ExpectBrokenSplit(report, expected);
  }
  const Value of_one = In(story.Totals(kOnePage), "rejected"), of_other = In(story.Totals(kFastSearch), "rejected");
  EXPECT_EQ(of_one, Value(Object({{"before_start", 4}, {"forced", 1}, {"no_unit", 5}, {"unknown_variant", 3}})))
      << ToJson(of_one);
  EXPECT_EQ(of_other, Value(Object({{"closed", 6}}))) << ToJson(of_other);
}

}  // namespace
}  // namespace guidon
