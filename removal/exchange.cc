#include "removal/exchange.h"

#include <cstdint>

#include "core/base/json.h"

namespace guidon::removal {
namespace {

constexpr JsonLimits kLimits{std::size_t{1} << 30, 16};

Result<Value> Document(std::string_view text) {
  Result<Value> value = ParseJson(text, kLimits);
  if (value && !value->is_object()) return Fail(ErrorCode::kInvalid, "not an object");
  return value;
}

std::string TextIn(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  return member != nullptr && member->is_string() ? member->AsString() : std::string();
}

std::int64_t NumberIn(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  return member != nullptr && member->is_number() ? member->AsInt() : 0;
}

bool IsTrueIn(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  return member != nullptr && member->is_bool() && member->AsBool();
}

const Array& ArrayIn(const Value& object, std::string_view name) {
  static const Array kNone;
  const Value* member = object.Find(name);
  return member != nullptr && member->is_array() ? member->AsArray() : kNone;
}

}  // namespace

std::string ToJson(const Request& request) {
  Array files;
  for (const std::string& file : request.files) files.emplace_back(file);
  return guidon::ToJson(Object{{"key", Value(request.key)},
                               {"variation", Value(request.variation)},
                               {"value", request.value},
                               {"accessor", Value(request.accessor)},
                               {"build", Value(request.build)},
                               {"files", Value(std::move(files))}});
}

Result<Request> ReadRequest(std::string_view text) {
  const Result<Value> value = Document(text);
  if (!value) return Fail(value.error());
  Request request{TextIn(*value, "key"),      TextIn(*value, "variation"), Value(),
                  TextIn(*value, "accessor"), TextIn(*value, "build"),     {}};
  if (const Value* kept = value->Find("value")) request.value = *kept;
  for (const Value& file : ArrayIn(*value, "files")) {
    if (file.is_string()) request.files.push_back(file.AsString());
  }
  if (request.key.empty() || request.build.empty()) return Fail(ErrorCode::kInvalid, "a request without key or build");
  return request;
}

std::string ToJson(const Answer& answer) {
  Array files, left;
  for (const Rewritten& file : answer.files) {
    files.push_back(Object{{"file", Value(file.file)}, {"before", Value(file.before)}, {"after", Value(file.after)}});
  }
  for (const Left& place : answer.left) {
    left.push_back(Object{{"file", Value(place.file)},
                          {"line", Value(place.line)},
                          {"column", Value(place.column)},
                          {"why", Value(place.why)},
                          {"of_after", Value(place.of_after)}});
  }
  return guidon::ToJson(Object{{"files", Value(std::move(files))},
                               {"units", Value(answer.units)},
                               {"reads", Value(answer.reads)},
                               {"folds", Value(answer.folds)},
                               {"left", Value(std::move(left))}});
}

Result<Answer> ReadAnswer(std::string_view text) {
  const Result<Value> value = Document(text);
  if (!value) return Fail(value.error());
  Answer answer;
  for (const Value& file : ArrayIn(*value, "files")) {
    answer.files.push_back({TextIn(file, "file"), TextIn(file, "before"), TextIn(file, "after")});
  }
  for (const Value& place : ArrayIn(*value, "left")) {
    answer.left.push_back({TextIn(place, "file"), static_cast<int>(NumberIn(place, "line")),
                           static_cast<int>(NumberIn(place, "column")), TextIn(place, "why"),
                           IsTrueIn(place, "of_after")});
  }
  answer.units = static_cast<std::size_t>(NumberIn(*value, "units"));
  answer.reads = static_cast<std::size_t>(NumberIn(*value, "reads"));
  answer.folds = static_cast<std::size_t>(NumberIn(*value, "folds"));
  return answer;
}

}  // namespace guidon::removal
