#include "gate/inputs.h"

#include <utility>

#include "audit/chain.h"
#include "audit/hex.h"
#include "core/base/json.h"
#include "core/codec/wire.h"

namespace guidon::gate {

void Inputs::Add(std::string_view name, std::string_view text) {
  hashes_.insert_or_assign(std::string(name), ToHex(Sha256(text)));
}

void Inputs::Add(std::string_view name, const EntitySet& entities) {
  Snapshot snapshot;
  snapshot.entities = entities;
  Add(name, EncodeSnapshot(snapshot));
}

void Inputs::Add(std::string_view name, const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += finding.rule + " " + std::string(ToString(finding.severity)) + " " + SentenceOf(finding) + "\n";
  }
  Add(name, text);
}

void Inputs::Add(std::string_view name, const std::vector<refs::Reference>& references) {
  std::string text;
  for (const refs::Reference& reference : references) {
    Array line{Value(reference.file), Value(reference.line), Value(reference.column), Value(reference.key),
               Value(ToString(reference.wanted))};
    if (reference.fallback) line.push_back(*reference.fallback);
    text += ToJson(Value(std::move(line))) + "\n";
  }
  Add(name, text);
}

std::string Inputs::Hash() const {
  std::string text = "guidon-gate-inputs-1\n";
  for (const auto& [name, hash] : hashes_) text += hash + " " + ToJson(Value(name)) + "\n";
  return ToHex(Sha256(text));
}

}  // namespace guidon::gate
