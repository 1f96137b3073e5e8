#include "core/eval/evaluator.h"

#include <algorithm>
#include <set>

#include "core/base/json.h"
#include "core/codec/wire.h"
#include "tests/fuzz/targets.h"

namespace guidon::fuzz {
namespace {

constexpr std::size_t kMaxContexts = 16;

struct Entities {
  std::vector<EntityRecord> records;
  std::vector<Undecodable> undecodable;
};

// {"kind","record"} each; whatever the codec takes, in whatever combination. Of two with the same key the first counts.
Entities ReadEntities(const Value* list) {
  Entities entities;
  std::set<EntityRef> seen;
  if (list == nullptr) return entities;
  for (const Value& item : list->AsArray()) {
    const Value *kind_word = item.Find("kind"), *record = item.Find("record"), *key = item.Find("key");
    if (kind_word == nullptr || record == nullptr) continue;
    const auto kind = EntityKindFromString(kind_word->AsString());
    if (!kind) continue;
    if (Result<EntityRecord> decoded = DecodeRecord(*kind, *record)) {
      if (seen.insert(RefOf(*decoded)).second) entities.records.push_back(*std::move(decoded));
    } else if (key != nullptr && seen.insert({*kind, key->AsString()}).second) {
      entities.undecodable.push_back({{*kind, key->AsString()}, "cannot be read"});
    }
  }
  return entities;
}

bool Same(const Decision& a, const Decision& b) {
  return a.variation == b.variation && a.variant == b.variant && a.rule == b.rule && a.reason == b.reason &&
         a.error == b.error && a.forced == b.forced;
}

void CheckDecision(const Ruleset& ruleset, const std::string& key, const Context& context, std::int64_t now_ms) {
  const std::uint32_t slot = ruleset.Find(key);
  const Decision decision = Evaluate(ruleset, slot, context, now_ms);
  ExperimentSink experiments;
  TraceSink trace;
  Require(Same(decision, Evaluate(ruleset, slot, context, now_ms, experiments)) &&
              Same(decision, Evaluate(ruleset, slot, context, now_ms, trace)),
          "watching changes nothing: " + key);
  Require((decision.reason == Reason::kError) == (decision.error != EvaluationError::kNone),
          "an error has a reason, and only an error: " + key);
  Require(decision.error == EvaluationError::kNone || decision.value() == nullptr, "an error serves nothing: " + key);
  Require(decision.error == EvaluationError::kNone || !ErrorMessage(ruleset, key, decision).empty(),
          "an error has a sentence: " + key);
  ToJson(DescribeDecision(ruleset, key, decision, &trace));
  for (const WantedType wanted :
       {WantedType::kBool, WantedType::kString, WantedType::kInt, WantedType::kDouble, WantedType::kJson}) {
    Decision typed = decision;
    CheckType(wanted, typed);
    DetailOf<Value>(ruleset, key, typed);
  }
}

void CheckRuleset(const Ruleset& ruleset, const std::vector<Context>& contexts, std::int64_t now_ms) {
  std::vector<std::string> keys = ruleset.FlagKeys();
  keys.emplace_back("no.such.flag");
  for (const std::string& key : keys) {
    for (const Context& context : contexts) CheckDecision(ruleset, key, context, now_ms);
  }
}

// A ruleset that was changed answers as one that was compiled whole.
void CheckSame(const Ruleset& changed, const Ruleset& whole, const std::vector<Context>& contexts,
               std::int64_t now_ms) {
  Require(changed.FlagKeys() == whole.FlagKeys(), "a changed ruleset has the flags of a whole one");
  for (const std::string& key : whole.FlagKeys()) {
    Require(changed.BrokenReason(key).empty() == whole.BrokenReason(key).empty(),
            "the same flags are broken: " + key + ": '" + std::string(changed.BrokenReason(key)) + "', '" +
                std::string(whole.BrokenReason(key)) + "'");
    for (const Context& context : contexts) {
      const Decision a = Evaluate(changed, changed.Find(key), context, now_ms);
      const Decision b = Evaluate(whole, whole.Find(key), context, now_ms);
      Require(Same(a, b) && a.variation_name() == b.variation_name(), "a changed ruleset decides alike: " + key);
    }
  }
}

}  // namespace

void Evaluator(std::string_view input) {
  const Result<Value> document = ParseJson(input);
  if (!document) return;
  const Value* now = document->Find("now");
  const std::int64_t now_ms = now == nullptr ? 1'800'000'000'000 : now->AsInt();
  std::vector<Context> contexts(1);
  if (const Value* list = document->Find("contexts")) {
    for (const Value& context : list->AsArray()) {
      if (contexts.size() < kMaxContexts) contexts.push_back(Context::FromValue(context));
    }
  }

  const Entities first = ReadEntities(document->Find("entities"));
  Snapshot snapshot;
  snapshot.environment = "production";
  snapshot.revision = 1;
  for (const EntityRecord& record : first.records) snapshot.entities.Append(record);
  const auto ruleset = Compile(snapshot, {nullptr, first.undecodable});
  CheckRuleset(*ruleset, contexts, now_ms);

  Entities second = ReadEntities(document->Find("changes"));
  if (second.records.empty() && second.undecodable.empty()) return;
  const auto changed = ruleset->With({second.records, {}}, second.undecodable, 2);
  CheckRuleset(*changed, contexts, now_ms);

  // The same state, whole.
  const auto replaced = [&](const EntityRef& ref) {
    return std::any_of(second.records.begin(), second.records.end(),
                       [&](const EntityRecord& r) { return RefOf(r) == ref; }) ||
           std::any_of(second.undecodable.begin(), second.undecodable.end(),
                       [&](const Undecodable& u) { return u.ref == ref; });
  };
  for (const Undecodable& entity : second.undecodable) snapshot.entities.Remove(entity.ref);
  for (const EntityRecord& record : second.records) snapshot.entities.Upsert(record);
  std::vector<Undecodable> undecodable = second.undecodable;
  for (const Undecodable& entity : first.undecodable) {
    if (!replaced(entity.ref)) undecodable.push_back(entity);
  }
  CheckSame(*changed, *Compile(snapshot, {nullptr, undecodable}), contexts, now_ms);
}

}  // namespace guidon::fuzz
