#include "gate/code_checks.h"

#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "core/base/json.h"
#include "core/model/units.h"
#include "gate/lookers.h"
#include "gate/static_checks.h"

namespace guidon::gate {
namespace {

std::optional<FlagType> TypeOf(refs::Wanted wanted) {
  switch (wanted) {
    case refs::Wanted::kBoolean:
      return FlagType::kBoolean;
    case refs::Wanted::kString:
      return FlagType::kString;
    case refs::Wanted::kNumber:
      return FlagType::kNumber;
    case refs::Wanted::kJson:
      return FlagType::kJson;
    case refs::Wanted::kUnknown:
      break;
  }
  return std::nullopt;
}

// Whether a value is of a flag's type; a JSON flag may have any.
bool IsOf(FlagType type, const Value& value) {
  switch (type) {
    case FlagType::kBoolean:
      return value.is_bool();
    case FlagType::kString:
      return value.is_string();
    case FlagType::kNumber:
      return value.is_number();
    case FlagType::kJson:
      break;
  }
  return false;  // its fallback is no literal that says the same
}

class CodeChecker {
 public:
  explicit CodeChecker(const CodeInput& input) : input_(input) {
    for (const FlagRecord& record : Entities().flags) {
      flags_.emplace(record.definition.key, &record.definition);
      if (!record.definition.archived) keys_.push_back(record.definition.key);
    }
    for (const EntityRef& ref : input.workspace.unread) {
      if (ref.kind != EntityKind::kFlag) continue;
      unread_.insert(ref.key);
      if (!ref.key.empty()) keys_.push_back(ref.key);
    }
  }

  std::vector<Finding> Run() {
    std::set<std::string> read;
    for (const refs::Reference& reference : input_.references) {
      Check(reference);
      read.insert(reference.key);
    }
    // What was not read may look at any of them.
    if (!input_.has_files || !input_.workspace.unread.empty()) return std::move(findings_);
    for (const auto& [flag, lookers] : LookersAt(Entities())) read.insert(flag);
    for (const FlagRecord& record : Entities().flags) {
      const FlagDefinition& flag = record.definition;
      if (flag.archived || read.contains(flag.key)) continue;
      const Origin& origin = input_.workspace.origins.at({EntityKind::kFlag, flag.key});
      Add("code.unused-flag", flag.key, flag.owner,
          {FileOf(input_.workspace, origin.file), origin.Of(Path().Key("flag"))}, "no code reads it",
          "archive it, or name with `--code` where else it is read");
    }
    return std::move(findings_);
  }

 private:
  const EntitySet& Entities() const { return input_.workspace.definitions.entities; }

  void Add(std::string rule, const std::string& key, std::string owner, Place place, std::string message,
           std::string fix) {
    findings_.push_back({std::move(rule), Severity::kFail, "flag " + key, std::move(owner), std::move(place),
                         std::move(message), std::move(fix)});
  }

  void Check(const refs::Reference& reference) {
    const Place place{reference.file, {reference.line, reference.column}};
    const auto found = flags_.find(reference.key);
    if (found == flags_.end()) {
      if (unread_.contains(reference.key) || unread_.contains("")) return;  // it may be there
      // Who owns the flag that was probably meant can say.
      const auto meant = flags_.find(ClosestMatch(reference.key, keys_));
      const std::string hint = DidYouMean(reference.key, keys_);
      return Add("code.unknown-flag", reference.key, meant == flags_.end() ? "" : meant->second->owner, place,
                 "the code reads it, and there is no such flag",
                 hint.empty() ? "mend the key, or define the flag" : hint);
    }
    const FlagDefinition& flag = *found->second;
    if (flag.archived) {
      return Add("code.archived-flag", flag.key, flag.owner, place, "the code reads it, and it is archived",
                 "remove the read");
    }
    const std::optional<FlagType> wanted = TypeOf(reference.wanted);
    if (wanted && *wanted != flag.type) {
      Add("code.type", flag.key, flag.owner, place,
          "the code reads it as " + std::string(ToString(*wanted)) + ", and it is " + std::string(ToString(flag.type)),
          "read it as what it is");
    }
    CheckTargeting(flag, place);
    CheckDay(flag, place);
    CheckFallback(flag, reference, place);
  }

  // Without it a boolean flag serves its `off`, and any other one nothing; no experiment runs on it either.
  void CheckTargeting(const FlagDefinition& flag, const Place& place) {
    if (flag.type == FlagType::kBoolean || flag.FindEnvironment(input_.environment) != nullptr) return;
    Add("code.no-targeting", flag.key, flag.owner, place,
        "the code reads it, and gets its own fallback in " + input_.environment + ", of which the flag says nothing",
        "say in its `environments` what " + input_.environment + " gets");
  }

  void CheckDay(const FlagDefinition& flag, const Place& place) {
    if (!flag.expires || *flag.expires >= DayOf(input_.now_ms)) return;
    Add("code.expired-flag", flag.key, flag.owner, place,
        "the code reads it, and its time was over on " + FormatDay(*flag.expires), "take it out of the code");
  }

  // What is served while it is off; nothing: the fallback itself.
  void CheckFallback(const FlagDefinition& flag, const refs::Reference& reference, const Place& place) {
    if (!reference.fallback || !IsOf(flag.type, *reference.fallback)) return;
    const Targeting* targeting = flag.FindEnvironment(input_.environment);
    const std::string off = targeting != nullptr ? targeting->off : flag.type == FlagType::kBoolean ? "off" : "";
    const Variation* served = flag.FindVariation(off);
    if (served == nullptr || served->value == *reference.fallback) return;
    Add("code.unsafe-default", flag.key, flag.owner, place,
        "the code falls back to " + ToJson(*reference.fallback) + ", and " + input_.environment + " serves " +
            ToJson(served->value) + " while the flag is off",
        "let the code fall back to that");
  }

  const CodeInput& input_;
  std::map<std::string_view, const FlagDefinition*> flags_;
  std::vector<std::string> keys_;  // of those that are not archived
  std::set<std::string> unread_;   // that the files have and nobody could read; "": any
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> CheckCode(const CodeInput& input) {
  return CodeChecker(input).Run();
}

}  // namespace guidon::gate
