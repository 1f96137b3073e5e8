#include "cli/promotion.h"

#include <algorithm>
#include <iostream>
#include <set>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/policy_file.h"
#include "cli/ruleset_source.h"
#include "core/base/json.h"
#include "gate/approval_checks.h"
#include "gate/change_checks.h"
#include "gate/formats.h"
#include "gate/live_checks.h"
#include "gate/static_checks.h"
#include "workspace/file.h"

namespace guidon::cli {
namespace {

// Waivers that nothing needs here may be needed by what the gate looks at beside: they are its matter.
constexpr std::string_view kRuleOfWaivers = "static.waiver";

// As it would stand in a definition; long ones are cut, for the place says where to look.
std::string Shown(const std::optional<Value>& value, std::size_t column) {
  constexpr std::size_t kMost = 200, kLeast = 20;
  const std::size_t room = LineWidth() > column + kLeast ? LineWidth() - column : kLeast;
  return value ? Cut(Printable(ToJson(*value)), std::min(kMost, room)) : "(not there)";
}

Value OrNull(const std::optional<Value>& value) {
  return value ? *value : Value();
}

const PromotedFlag* Find(const std::vector<PromotedFlag>& flags, const std::string& key) {
  const auto found =
      std::find_if(flags.begin(), flags.end(), [&](const PromotedFlag& flag) { return flag.key == key; });
  return found == flags.end() ? nullptr : &*found;
}

bool IsArchived(const PromotedFlag& flag) {
  const Value* archived = flag.definition.Find("archived");
  return archived != nullptr && archived->AsBool();
}

Status CheckNamed(const std::vector<PromotedFlag>& all, const PromoteOptions& options) {
  for (const std::string& key : options.flags) {
    const PromotedFlag* flag = Find(all, key);
    if (flag == nullptr) {
      std::vector<std::string> keys;
      for (const PromotedFlag& other : all) keys.push_back(other.key);
      const std::string hint = DidYouMean(key, keys);
      return Fail(ErrorCode::kNotFound,
                  "there is no flag '" + key + "'" + (hint.empty() ? std::string() : " (" + hint + ")"));
    }
    if (IsArchived(*flag)) return Fail(ErrorCode::kNotFound, "flag '" + key + "' is archived");
    if (!TargetingIn(flag->definition, options.from)) {
      return Fail(ErrorCode::kNotFound, "flag '" + key + "' says nothing about " + options.from);
    }
  }
  return {};
}

}  // namespace

TargetingValue TargetingIn(const Value& definition, const std::string& environment) {
  const Value* environments = definition.Find("environments");
  const Value* targeting = environments == nullptr ? nullptr : environments->Find(environment);
  return targeting == nullptr ? std::nullopt : TargetingValue(*targeting);
}

Value DefinitionAfter(const PromotedFlag& flag, const std::string& to) {
  Value after = flag.definition;
  if (Value* environments = after.MutableObject().Find("environments"); environments != nullptr) {
    environments->MutableObject().Set(to, *flag.promoted.targeting);
  }
  return after;
}

Result<std::vector<PromotedFlag>> ChosenFlags(std::vector<PromotedFlag> all, const PromoteOptions& options) {
  if (const Status named = CheckNamed(all, options); !named) return Fail(named.error());
  std::erase_if(all, [&](const PromotedFlag& flag) {
    const bool is_wanted =
        options.flags.empty() || std::find(options.flags.begin(), options.flags.end(), flag.key) != options.flags.end();
    const TargetingValue from = TargetingIn(flag.definition, options.from);
    return !is_wanted || !from || IsArchived(flag) ||
           TargetingMerge(from, TargetingIn(flag.definition, options.to)).IsSame();
  });
  return all;
}

PromotionReview::PromotionReview(const PromoteOptions& options, std::int64_t now_ms)
    : options_(options), now_ms_(now_ms) {
  report_.environment = options.to;
  report_.day = gate::DayOf(now_ms);
  report_.policy = policy_.name;
}

std::optional<int> PromotionReview::TakePolicy(const std::string& path) {
  if (path.empty()) return std::nullopt;
  int exit_code = kPass;
  std::optional<PolicyFile> file = ReadPolicyFile(path, options_.json, exit_code);
  if (!file) return exit_code;
  policy_ = std::move(file->policy);
  report_.policy = policy_.name;
  report_.policy_hash = policy_.hash;
  return std::nullopt;
}

std::optional<int> PromotionReview::TakeContexts() {
  if (options_.contexts.empty()) return std::nullopt;
  Result<std::vector<Context>> contexts = ReadContexts(options_.contexts);
  if (!contexts) return Explain(contexts.error(), options_.json);
  contexts_ = *std::move(contexts);
  return std::nullopt;
}

void PromotionReview::CheckChange(const Workspace& workspace, const EntitySet& before, const EntitySet& after,
                                  const std::vector<PromotedFlag>& flags) {
  Add(gate::CheckChange(
      {workspace, options_.to, before, after, options_.contexts.empty() ? nullptr : &contexts_, now_ms_}, policy_));
  std::set<std::string> keys;
  for (const PromotedFlag& flag : flags) keys.insert(flag.key);
  Add(gate::CheckPersonalData(workspace, after, keys, policy_));
}

std::vector<gate::Finding> PromotionReview::ProtectedIn(const Workspace& workspace, const EntitySet& before,
                                                        const EntitySet& after, const Value& plan) const {
  const std::vector<Value> none;
  return gate::CheckProtectedFlags({workspace, options_.to, before, after, plan, &none}, policy_);
}

bool PromotionReview::Refuses(const std::vector<gate::Finding>& findings) const {
  gate::Report alone = report_;
  alone.findings = findings;
  gate::Settle(alone, policy_);
  return std::any_of(alone.findings.begin(), alone.findings.end(), [](const gate::Finding& finding) {
    return finding.rule != kRuleOfWaivers && finding.waived.empty() && finding.severity == gate::Severity::kFail;
  });
}

void PromotionReview::CheckFreeze(std::int64_t at_ms) {
  Add(gate::CheckFreeze(policy_, at_ms));
}

void PromotionReview::CheckTests(const Workspace& workspace) {
  Add(gate::CheckTests(workspace, now_ms_, policy_));
}

void PromotionReview::Add(std::vector<gate::Finding> findings) {
  report_.findings.insert(report_.findings.end(), std::make_move_iterator(findings.begin()),
                          std::make_move_iterator(findings.end()));
}

int PromotionReview::Judge(Object& document) {
  report_.looked.push_back({"change", true, ""});
  gate::Settle(report_, policy_);
  std::erase_if(report_.findings, [](const gate::Finding& finding) { return finding.rule == kRuleOfWaivers; });
  const int exit_code = gate::ExitCodeOf(gate::VerdictOf(report_));
  if (options_.json) {
    document.Append("gate", gate::ToJson(report_));
  } else {
    std::cout << gate::ToTable(report_, LineWidth(), Out().marks());
    if (exit_code != kPass) std::cout << "Nothing was written.\n";
  }
  return exit_code;
}

Object PromotionReview::Document(const std::vector<PromotedFlag>& flags) const {
  Array keys;
  for (const PromotedFlag& flag : flags) keys.emplace_back(flag.key);
  return Object{{"from", Value(options_.from)}, {"to", Value(options_.to)}, {"flags", Value(std::move(keys))}};
}

bool PromotionReview::HasConflicts(const std::vector<PromotedFlag>& flags, const std::string& way_out,
                                   Object& document) const {
  Array conflicts;
  std::string text;
  constexpr std::size_t kIndent = 6;
  const std::size_t width = std::max({Width(options_.from) + 3, Width(options_.to) + 3, Width("last agreed")}) + 2;
  for (const PromotedFlag& flag : flags) {
    for (const PromotionConflict& conflict : flag.promoted.conflicts) {
      const MergeConflict& what = conflict.what;
      conflicts.emplace_back(Object{{"flag", Value(flag.key)},
                                    {"path", Value(what.path.ToText())},
                                    {"agreed", Value(conflict.was_agreed)},
                                    {"base", OrNull(what.base)},
                                    {"from", OrNull(what.ours)},
                                    {"to", OrNull(what.theirs)}});
      text += "  " + Out().Red("!") + " flag " + Out().Bold(flag.key) + ": " + Printable(what.path.ToText()) + "\n";
      const auto line = [&](const std::string& name, const std::string& value) {
        text += std::string(kIndent, ' ') + Padded(name, width) + value + "\n";
      };
      line("last agreed", conflict.was_agreed ? Shown(what.base, kIndent + width) : "(never, as far as is known)");
      line("in " + options_.from, Shown(what.ours, kIndent + width));
      line("in " + options_.to, Shown(what.theirs, kIndent + width));
    }
  }
  if (conflicts.empty()) return false;
  if (options_.json) {
    document.Append("conflicts", Value(std::move(conflicts)));
    return true;
  }
  std::cout << Out().Red("conflict") << "  both environments say something of their own:\n"
            << text << Wrapped("Nothing was written. " + way_out, 0) << "\n";
  return true;
}

int PromotionReview::SayNothingToDo(Object document) const {
  if (options_.json) {
    PrintJson(Value(std::move(document)));
  } else {
    std::cout << "nothing to promote: " << options_.to << " says all that " << options_.from << " does\n";
  }
  return kPass;
}

}  // namespace guidon::cli
