// The cases through the second door: a guidon::Client made from a bootstrap document, without a server. Each is read by
// the client, by a pin and by a handle, as a detail and as a value. The clock of an SDK cannot be set, so cases that
// say a time stay away.
#include <gtest/gtest.h>
#include <guidon/client.h>

#include <chrono>
#include <functional>
#include <memory>

#include "tests/conformance/cases.h"

namespace guidon::conformance {
namespace {

// How each type is read, by whatever has the reads.
template <typename T>
struct ReadsOf;
template <>
struct ReadsOf<bool> {
  static std::pair<bool, bool> Fallbacks() { return {false, true}; }
  template <typename Reader>
  static auto Detail(const Reader& reader, const std::string& flag, const Context& context, bool fallback) {
    return reader.BoolDetail(flag, context, fallback);
  }
  template <typename Reader>
  static auto Plain(const Reader& reader, const std::string& flag, const Context& context, bool fallback) {
    return reader.Bool(flag, context, fallback);
  }
};
template <>
struct ReadsOf<std::string> {
  static std::pair<std::string, std::string> Fallbacks() { return {"one default", "another default"}; }
  template <typename Reader>
  static auto Detail(const Reader& reader, const std::string& flag, const Context& context,
                     const std::string& fallback) {
    return reader.StringDetail(flag, context, fallback);
  }
  template <typename Reader>
  static auto Plain(const Reader& reader, const std::string& flag, const Context& context,
                    const std::string& fallback) {
    return reader.String(flag, context, fallback);
  }
};
template <>
struct ReadsOf<std::int64_t> {
  static std::pair<std::int64_t, std::int64_t> Fallbacks() { return {-1001, -1002}; }
  template <typename Reader>
  static auto Detail(const Reader& reader, const std::string& flag, const Context& context, std::int64_t fallback) {
    return reader.IntDetail(flag, context, fallback);
  }
  template <typename Reader>
  static auto Plain(const Reader& reader, const std::string& flag, const Context& context, std::int64_t fallback) {
    return reader.Int(flag, context, fallback);
  }
};
template <>
struct ReadsOf<double> {
  static std::pair<double, double> Fallbacks() { return {-1001.5, -1002.5}; }
  template <typename Reader>
  static auto Detail(const Reader& reader, const std::string& flag, const Context& context, double fallback) {
    return reader.DoubleDetail(flag, context, fallback);
  }
  template <typename Reader>
  static auto Plain(const Reader& reader, const std::string& flag, const Context& context, double fallback) {
    return reader.Double(flag, context, fallback);
  }
};
template <>
struct ReadsOf<Value> {
  static std::pair<Value, Value> Fallbacks() { return {Value("one default"), Value(Object{{"another", true}})}; }
  template <typename Reader>
  static auto Detail(const Reader& reader, const std::string& flag, const Context& context, const Value& fallback) {
    return reader.JsonDetail(flag, context, fallback);
  }
  template <typename Reader>
  static auto Plain(const Reader& reader, const std::string& flag, const Context& context, const Value& fallback) {
    return reader.Json(flag, context, fallback);
  }
};

template <typename T>
Outcome OutcomeOf(const EvaluationDetail<T>& detail) {
  Outcome outcome;
  outcome.value = Value(detail.value);
  outcome.variation = detail.variation;
  outcome.reason = ToString(detail.reason);
  outcome.error = ToString(detail.error);
  outcome.rule = detail.rule;
  outcome.experiment = detail.experiment;
  outcome.variant = detail.variant;
  outcome.forced = detail.forced;
  return outcome;
}

// What the flag answers with this default, whichever way it is read.
template <typename T>
Outcome AnswerWith(const Client& client, const ConformanceCase& c, const T& fallback) {
  using Reads = ReadsOf<T>;
  const Context context = Context::FromValue(c.context);
  const EvaluationDetail<T> detail = Reads::Detail(client, c.flag, context, fallback);
  const Outcome outcome = OutcomeOf(detail);
  EXPECT_EQ(detail.message.empty(), outcome.error.empty()) << c.Where() << ": " << detail.message;
  EXPECT_EQ(Reads::Plain(client, c.flag, context, fallback), detail.value) << c.Where();
  const Pin pin = client.Pin();
  EXPECT_EQ(OutcomeOf(Reads::Detail(pin, c.flag, context, fallback)), outcome) << c.Where();
  EXPECT_EQ(Reads::Plain(pin, c.flag, context, fallback), detail.value) << c.Where();
  const Flag<T> handle(client, c.flag, fallback);
  EXPECT_EQ(OutcomeOf(handle.Detail(context)), outcome) << c.Where();
  EXPECT_EQ(handle(context), detail.value) << c.Where();
  EXPECT_EQ(handle(context, pin), detail.value) << c.Where();
  return outcome;
}

// Asked with two defaults: what follows them is the caller's fallback, what does not is served.
template <typename T>
Outcome AnswerAs(const Client& client, const ConformanceCase& c) {
  const auto [one, another] = ReadsOf<T>::Fallbacks();
  Outcome first = AnswerWith<T>(client, c, one), second = AnswerWith<T>(client, c, another);
  if (first.value == Value(one) && second.value == Value(another)) first.value = second.value = std::nullopt;
  EXPECT_EQ(first, second) << c.Where();
  return first;
}

Outcome Answer(const Client& client, const ConformanceCase& c) {
  if (c.type == "bool") return AnswerAs<bool>(client, c);
  if (c.type == "string") return AnswerAs<std::string>(client, c);
  if (c.type == "int") return AnswerAs<std::int64_t>(client, c);
  if (c.type == "double") return AnswerAs<double>(client, c);
  EXPECT_EQ(c.type, "json") << c.Where();
  return AnswerAs<Value>(client, c);
}

std::unique_ptr<Client> ClientOf(const DefinitionSet& set) {
  ClientConfig config;
  if (!set.no_ruleset) config.bootstrap = DocumentOf(set);
  auto client = std::make_unique<Client>(config);
  const ClientStatus status = client->Status();
  EXPECT_EQ(status.refused, 0u) << set.ToText();
  EXPECT_EQ(status.source, set.no_ruleset ? RulesetSource::kNone : RulesetSource::kBootstrap) << set.ToText();
  if (set.streamed_only.empty()) {
    EXPECT_TRUE(status.broken.empty()) << set.ToText() << ": " << status.broken[0].second;
  }
  return client;
}

TEST(SdkConformanceTest, EveryCaseAnswersAsExpectedByEveryKindOfRead) {
  const DefinitionSet* held = nullptr;  // the cases of a set stand together
  std::unique_ptr<Client> client;
  std::size_t answered = 0;
  for (const ConformanceCase& c : AllCases()) {
    if (c.now_ms) continue;
    if (held != c.set) client = ClientOf(*c.set);
    held = c.set;
    Outcome expect = c.expect;
    expect.exposures.clear();  // the SDK does not tell them
    EXPECT_EQ(Answer(*client, c), expect) << c.Where();
    ++answered;
  }
  EXPECT_GE(answered, 300u);
}

}  // namespace
}  // namespace guidon::conformance
