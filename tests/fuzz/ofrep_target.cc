#include "server/api/ofrep.h"

#include "core/base/json.h"
#include "core/codec/wire.h"
#include "core/eval/evaluator.h"
#include "core/ruleset/ruleset.h"
#include "tests/fuzz/targets.h"

namespace guidon::fuzz {
namespace {

// A flag that looks at attributes and splits by the key.
const Ruleset& Rules() {
  static const std::shared_ptr<const Ruleset> ruleset = [] {
    const Result<Value> record = ParseJson(
        R"({"definition":{"flag":"a","type":"json","client":true,"variations":{"x":{"n":1},"y":[true,"é"]},)"
        R"("environments":{"production":{"enabled":true,"rules":[{"when":{"country":["DE"],"age":{"gte":18},)"
        R"("mail":{"matches":"x.*y"}},"serve":"x"}],"default":{"serve":{"x":"50%","y":"50%"}}}}},)"
        R"("state":{"environments":{"production":{"default":{"salt":"s","arms":{"x":[[0,50000]],"y":[[50000,100000]]}}}}}})");
    Snapshot snapshot;
    snapshot.environment = "production";
    snapshot.revision = 1;
    snapshot.entities.Append(*DecodeRecord(EntityKind::kFlag, *record));
    return Compile(snapshot);
  }();
  return *ruleset;
}

void CheckAnswer(const std::string& text, std::string_view key) {
  const Result<Value> answer = ParseJson(text);
  Require(answer && answer->is_object(), "an answer is an object of JSON: " + text);
  Require(answer->Find("key") != nullptr && answer->Find("key")->AsString() == key, "it names its flag");
  Require((answer->Find("errorCode") != nullptr) != (answer->Find("reason") != nullptr), "with a reason or an error");
}

}  // namespace

void Ofrep(std::string_view input) {
  const OfrepRequest request = ReadOfrep(input);
  Require(request.fault.empty() == request.details.empty(), "a fault says what it is");
  if (!request.fault.empty()) {
    Require(request.fault == "PARSE_ERROR" || request.fault == "INVALID_CONTEXT", "in a word of OFREP");
    std::string out;
    AppendOfrepFailure(out, "a", request.fault, request.details);
    return CheckAnswer(out, "a");
  }
  Require(input.size() <= kMostOfrepBytes, "a request is bounded");
  for (const std::string_view key : {"a", "no.such"}) {
    for (const bool is_for_clients : {false, true}) {
      const Decision decision = Evaluate(Rules(), Rules().Find(key), request.context, 1'800'000'000'000);
      std::string out;
      AppendOfrepEvaluation(out, Rules(), key, decision, {.is_for_clients = is_for_clients, .has_revision = true});
      CheckAnswer(out, key);
    }
  }
}

}  // namespace guidon::fuzz
