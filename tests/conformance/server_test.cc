// The cases through the third door: a real guidond, the definitions put through its HTTP API as a person would, and its
// evaluate endpoint asked to explain. A set's state is not given to the server: it has to come to the same by itself.
#include <gtest/gtest.h>

#include <set>

#include "core/base/json.h"
#include "core/codec/codec.h"
#include "core/codec/wire.h"
#include "core/model/units.h"
#include "tests/conformance/cases.h"
#include "tests/support/guidond.h"

namespace guidon::conformance {
namespace {

// The server is asked for no type, and holds only what it would accept.
bool ConcernsServers(const ConformanceCase& c) {
  return c.set->streamed_only.empty() && !c.set->no_ruleset && c.expect.error != "TYPE_MISMATCH";
}

class ServerConformanceTest : public ::testing::Test {
 protected:
  static std::string PathOf(const DefinitionSet& set) { return "/api/v1/projects/" + set.ToText(); }

  // The answer's body as JSON; an error unless it is 2xx.
  Result<Value> Call(std::string_view method, const std::string& path, const Value& body) {
    const testing::HttpAnswer answer = server_.Call(method, path, {.body = body.is_null() ? "" : ToJson(body)});
    if (answer.status / 100 == 2) return ParseJson(answer.body);
    return Fail(ErrorCode::kInvalid, std::string(method) + " " + path + " answered " + std::to_string(answer.status) +
                                         ": " + answer.fault + answer.body);
  }

  // A project for the set, and its commits.
  void Put(const DefinitionSet& set) {
    const Value project = Object{{"project", Value(set.ToText())},
                                 {"environments", Object{{"staging", Object()}, {kEnvironment, Object()}}}};
    const Result<Value> created = Call("POST", "/api/v1/projects", project);
    ASSERT_TRUE(created) << set.ToText() << ": " << created.error().message;
    for (const Array& definitions : set.earlier) Commit(set, definitions);
    Commit(set, set.definitions);
    CheckState(set);
  }

  void Commit(const DefinitionSet& set, const Array& definitions) {
    Array changes;
    for (const Value& definition : definitions) {
      const std::optional<EntityRef> ref = RefOfDefinition(definition);
      ASSERT_TRUE(ref) << set.ToText() << ": " << ToJson(definition);
      changes.push_back(
          Object{{"kind", Value(ToString(ref->kind))}, {"key", Value(ref->key)}, {"definition", definition}});
    }
    const Result<Value> done = Call("POST", PathOf(set) + "/changes", Object{{"changes", Value(std::move(changes))}});
    ASSERT_TRUE(done) << set.ToText() << ": " << done.error().message;
  }

  // What the server streams is what the file says that it would, state included.
  void CheckState(const DefinitionSet& set) {
    const Result<Value> sent = Call("GET", PathOf(set) + "/environments/" + kEnvironment + "/snapshot", Value());
    ASSERT_TRUE(sent) << set.ToText() << ": " << sent.error().message;
    const Result<SnapshotDocument> theirs = DecodeSnapshot(ToJson(*sent)), ours = DecodeSnapshot(DocumentOf(set));
    ASSERT_TRUE(theirs) << set.ToText() << ": " << theirs.error().message;
    ASSERT_TRUE(ours) << set.ToText() << ": " << ours.error().message;
    EXPECT_EQ(theirs->entities.size(), ours->entities.size()) << set.ToText();
    for (const EntityRef& ref : ours->snapshot.entities.Refs()) {
      const auto expected = ours->snapshot.entities.Find(ref), held = theirs->snapshot.entities.Find(ref);
      ASSERT_TRUE(held) << set.ToText() << ": " << ref.ToText();
      EXPECT_EQ(*held, *expected) << set.ToText() << ": " << ToJson(EncodeRecord(*held)) << " is not "
                                  << ToJson(EncodeRecord(*expected));
    }
  }

  Outcome Answer(const ConformanceCase& c) {
    Object request{{"flag", Value(c.flag)}, {"context", c.context}, {"explain", true}};
    if (c.now_ms) request.Append("now", Value(FormatTimestamp(*c.now_ms)));
    const Result<Value> answer = Call("POST", PathOf(*c.set) + "/environments/" + kEnvironment + "/evaluate", request);
    EXPECT_TRUE(answer) << c.Where() << ": " << answer.error().message;
    Outcome outcome;
    if (!answer) return outcome;
    const Value* evaluations = answer->Find("evaluations");
    EXPECT_TRUE(evaluations != nullptr && evaluations->AsArray().size() == 1) << c.Where() << ToJson(*answer);
    if (evaluations == nullptr || evaluations->AsArray().size() != 1) return outcome;
    const Value& evaluation = evaluations->AsArray()[0];
    const auto text = [&](std::string_view name) {
      const Value* member = evaluation.Find(name);
      return member == nullptr ? std::string() : member->AsString();
    };
    EXPECT_EQ(text("flag"), c.flag) << c.Where();
    const Value* trace = evaluation.Find("trace");
    EXPECT_TRUE(trace != nullptr && trace->is_array()) << c.Where() << ": nothing is explained";
    // Without a variation it is the caller's fallback, which only the caller knows.
    const Value* value = evaluation.Find("value");
    EXPECT_NE(value, nullptr) << c.Where();
    if (value != nullptr && evaluation.Find("variation") != nullptr) outcome.value = *value;
    outcome.variation = text("variation");
    outcome.reason = text("reason");
    outcome.error = text("error");
    EXPECT_EQ(text("message").empty(), outcome.error.empty()) << c.Where();
    outcome.rule = text("rule");
    outcome.experiment = text("experiment");
    outcome.variant = text("variant");
    const Value* forced = evaluation.Find("forced");
    outcome.forced = forced != nullptr && forced->AsBool();
    return outcome;
  }

  testing::Guidond server_;
};

TEST_F(ServerConformanceTest, EveryCaseThatAServerCanHoldIsExplainedAsExpected) {
  std::set<const DefinitionSet*> put;
  std::size_t answered = 0;
  for (const ConformanceCase& c : AllCases()) {
    if (!ConcernsServers(c)) continue;
    if (put.insert(c.set).second) Put(*c.set);
    if (HasFatalFailure()) return;
    Outcome expect = c.expect;
    expect.exposures.clear();  // the endpoint does not tell them
    EXPECT_EQ(Answer(c), expect) << c.Where();
    ++answered;
  }
  EXPECT_GE(answered, 300u);
}

}  // namespace
}  // namespace guidon::conformance
