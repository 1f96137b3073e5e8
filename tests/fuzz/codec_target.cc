#include "core/codec/codec.h"

#include "core/base/json.h"
#include "core/codec/wire.h"
#include "tests/fuzz/targets.h"

namespace guidon::fuzz {
namespace {

void CheckIssues(const Error& error) {
  Require(!error.issues.empty(), "what is refused has an issue");
  for (const Issue& issue : error.issues) {
    Require(!issue.code.empty() && !issue.message.empty(), "an issue has a code and a message");
    issue.path.ToText();
  }
}

// decode, encode and equality of one kind of thing.
template <typename Decode, typename Encode>
void RoundTrip(const Value& value, Decode decode, Encode encode) {
  const auto first = decode(value);
  if (!first) return CheckIssues(first.error());
  const Value written = encode(*first);
  const auto second = decode(written);
  Require(second && *second == *first, "what is decoded survives encoding: " + ToJson(written));
  Require(ToJson(encode(*second)) == ToJson(written), "encoding is canonical");
}

void CheckAll(const Value& value) {
  RefOfDefinition(value);
  RoundTrip(value, DecodeDefinition, EncodeDefinition);
  for (const EntityKind kind : kEntityKinds) {
    for (const Strictness strictness : {Strictness::kAuthored, Strictness::kTolerant}) {
      RoundTrip(
          value, [&](const Value& v) { return DecodeEntity(kind, v, strictness); }, EncodeDefinition);
    }
    RoundTrip(
        value, [&](const Value& v) { return DecodeRecord(kind, v); }, EncodeRecord);
  }
  RoundTrip(
      value, [](const Value& v) { return DecodeProject(v); }, EncodeProject);
  RoundTrip(
      value, [](const Value& v) { return DecodeCondition(v); }, EncodeCondition);
  RoundTrip(value, DecodeFlagTest, EncodeFlagTest);
}

}  // namespace

void Codec(std::string_view input) {
  const Result<Value> value = ParseJson(input);
  if (!value) return;
  const Value* document = value->Find("document");  // of tests/core/codec/cases
  CheckAll(document == nullptr ? *value : *document);
}

}  // namespace guidon::fuzz
