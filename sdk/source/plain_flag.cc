#include "sdk/source/plain_flag.h"

#include <string>
#include <utility>

namespace guidon::internal {

EncodedEntity PlainFlag(std::string_view key, Value value, std::string_view environment) {
  FlagRecord record;
  FlagDefinition& flag = record.definition;
  flag.key = key;
  std::string served = "value";
  if (value.is_bool()) {
    flag.type = FlagType::kBoolean;
    flag.variations = {{"on", true}, {"off", false}};
    served = value.AsBool() ? "on" : "off";
  } else {
    flag.type = value.is_string() ? FlagType::kString : value.is_number() ? FlagType::kNumber : FlagType::kJson;
    flag.variations = {{served, std::move(value)}};
  }
  Targeting targeting;
  targeting.environment = environment;
  targeting.enabled = true;
  targeting.default_serve = DefaultServe{FixedServe{served}, ""};
  flag.environments.push_back(std::move(targeting));
  return EncodeEntity(record);
}

}  // namespace guidon::internal
