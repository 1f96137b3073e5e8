// guidon promote --from E --to E: what flags say in one environment, in another, as one reviewed change on the server.
#include <algorithm>
#include <iostream>

#include "cli/api_client.h"
#include "cli/change_request.h"
#include "cli/change_set.h"
#include "cli/gate_live.h"
#include "cli/output.h"
#include "cli/promotion.h"
#include "cli/ruleset_source.h"
#include "cli/verbs.h"
#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/codec/codec.h"
#include "core/codec/wire.h"
#include "gate/change_checks.h"
#include "gate/live_state.h"

namespace guidon::cli {
namespace {

// Older changes of a flag that are looked at for what both environments last agreed on.
constexpr std::size_t kMostPast = 500;
constexpr std::size_t kChangesAtOnce = 100;

// What is to be done next, or an exit code; said already.
using Stop = std::optional<int>;

class ServerPromotion {
 public:
  ServerPromotion(const PromoteOptions& options, std::int64_t now_ms)
      : options_(options), now_ms_(now_ms), review_(options, now_ms) {}

  int Run() {
    for (Stop (ServerPromotion::*step)() :
         {&ServerPromotion::TakeInputs, &ServerPromotion::TakeFlags, &ServerPromotion::MergeAll,
          &ServerPromotion::AskForPlan, &ServerPromotion::AskTheGate}) {
      if (const Stop stop = (this->*step)()) return *stop;
    }
    return options_.yes || !options_.write.request.empty() ? Write() : SayWhatItWouldDo();
  }

 private:
  Stop Refuse(const Error& error) const { return Explain(error, options_.json); }

  // A GET that has to be answered with success.
  Result<ApiAnswer> Get(const std::string& path, Stop& stop) const {
    Result<ApiAnswer> answer = Ask(options_.connection, "GET", path);
    if (!answer) {
      stop = Explain(answer.error(), options_.json);
    } else if (!answer->ok()) {
      stop = Explain(*answer, options_.json);
    }
    return answer;
  }

  Stop TakeInputs() {
    if (const Stop stop = review_.TakePolicy(options_.policy)) return stop;
    if (const Stop stop = review_.TakeContexts()) return stop;
    const Result<std::string> project = ResolveProject(options_.connection, options_.project);
    if (!project) return Refuse(project.error());
    project_ = *project;
    Stop stop;
    for (const std::string& environment : {options_.from, options_.to}) {
      if (Get(EnvironmentPath(project_, environment), stop); stop) return stop;
    }
    return std::nullopt;
  }

  Stop TakeFlags() {
    Stop stop;
    const Result<ApiAnswer> answer = Get(ProjectPath(project_) + "/flags", stop);
    if (stop) return stop;
    std::vector<PromotedFlag> all;
    for (const Value& flag : ListIn(answer->body, "flags")) {
      const Value* definition = flag.Find("definition");
      if (definition != nullptr) all.push_back({TextOf(flag, "key"), *definition, CountOf(flag, "revision")});
    }
    Result<std::vector<PromotedFlag>> chosen = ChosenFlags(std::move(all), options_);
    if (!chosen) return Refuse(chosen.error());
    flags_ = *std::move(chosen);
    return std::nullopt;
  }

  Stop MergeAll() {
    for (PromotedFlag& flag : flags_) {
      const TargetingValue from = TargetingIn(flag.definition, options_.from),
                           to = TargetingIn(flag.definition, options_.to);
      if (options_.overwrite) {
        flag.promoted.targeting = from;
        continue;
      }
      TargetingMerge merge(from, to);
      if (const Stop stop = LookBack(flag, merge)) return stop;
      flag.promoted = merge.Merge();
    }
    std::erase_if(flags_, [&](const PromotedFlag& flag) {
      return flag.promoted.conflicts.empty() &&
             TargetingMerge(flag.promoted.targeting, TargetingIn(flag.definition, options_.to)).IsSame();
    });
    document_ = review_.Document(flags_);
    if (flags_.empty()) return review_.SayNothingToDo(std::move(document_));
    const std::string way_out = "Make " + options_.from + " say what is right for both, or give " + options_.to +
                                " all that " + options_.from + " says with --overwrite.";
    if (!review_.HasConflicts(flags_, way_out, document_)) return std::nullopt;
    if (options_.json) PrintJson(Value(std::move(document_)));
    return kProblem;
  }

  // From its newest change to the oldest that is kept.
  Stop LookBack(const PromotedFlag& flag, TargetingMerge& merge) const {
    const std::string path = ProjectPath(project_) + "/flags/" + Escape(flag.key);
    std::string cursor;
    std::size_t looked = 0;
    while (merge.NeedsPast() && looked < kMostPast) {
      Stop stop;
      const Result<ApiAnswer> history = Get(path + "/history?limit=" + std::to_string(kChangesAtOnce) + cursor, stop);
      if (stop) return stop;
      for (const Value& change : ListIn(history->body, "changes")) {
        const Revision revision = CountOf(change, "revision");
        if (revision >= flag.revision) continue;
        if (!merge.NeedsPast() || ++looked > kMostPast) return std::nullopt;
        const Result<ApiAnswer> then = Ask(options_.connection, "GET", path + "?revision=" + std::to_string(revision));
        if (!then) return Refuse(then.error());
        if (then->status == 404 || then->status == 410) return std::nullopt;  // it was not there, or is no longer kept
        if (!then->ok()) return Explain(*then, options_.json);
        const Value* definition = then->body.Find("definition");
        if (definition == nullptr) return std::nullopt;
        merge.Look(TargetingIn(*definition, options_.from), TargetingIn(*definition, options_.to));
      }
      const Value* next = history->body.Find("next");
      if (next == nullptr) return std::nullopt;
      cursor = "&cursor=" + ToJson(*next);
    }
    return std::nullopt;
  }

  // Each holds for the flag as it was looked at, with both of its environments.
  Value Changes() const {
    Array changes;
    for (const PromotedFlag& flag : flags_) {
      changes.emplace_back(Object{{"kind", Value("flag")},
                                  {"key", Value(flag.key)},
                                  {"definition", DefinitionAfter(flag, options_.to)},
                                  {"if_match", Value(flag.revision)}});
    }
    return Value(std::move(changes));
  }

  std::string Comment() const {
    const std::string what = "promote from " + options_.from + " to " + options_.to;
    return options_.comment.empty() ? what : what + ": " + options_.comment;
  }

  Stop AskForPlan() {
    const Result<ApiAnswer> plan = Ask(options_.connection, "POST", ProjectPath(project_) + "/changes?dry_run=true",
                                       Value(Object{{"changes", Changes()}}));
    if (!plan) return Refuse(plan.error());
    places_.definitions.project.key = project_;
    if (plan->status == 422) {
      review_.Add(gate::CheckRefusal(places_, IssuesOf(*plan)));
      const int exit_code = review_.Judge(document_);
      if (options_.json) PrintJson(Value(std::move(document_)));
      return exit_code;
    }
    if (!plan->ok()) return Explain(*plan, options_.json);
    plan_ = plan->body;
    if (CountOfChanges(plan_) == 0) return review_.SayNothingToDo(std::move(document_));
    if (options_.json) {
      document_.Append("changes", Value(ListIn(plan_, "changes")));
      document_.Append("takes_approval", Value(ListIn(plan_, "takes_approval")));
    } else {
      PrintChanges(plan_);
      PrintWarnings(plan_, places_);
    }
    return std::nullopt;
  }

  bool IsGuarded() const {
    const std::vector<std::string> guarded = TextsIn(plan_, "takes_approval");
    return std::find(guarded.begin(), guarded.end(), options_.to) != guarded.end();
  }
  bool TakesApproval() const { return IsGuarded() || review_.Refuses(protected_); }

  // On the ranges and ramps that the server keeps.
  Stop AskTheGate() {
    Stop stop;
    const Result<ApiAnswer> answer = Get(EnvironmentPath(project_, options_.to) + "/snapshot", stop);
    if (stop) return stop;
    const Result<SnapshotDocument> present = DecodeSnapshot(answer->text);
    if (!present) return Refuse(present.error());
    Definitions changed;
    changed.project.key = project_;
    for (const std::string& environment : {options_.from, options_.to}) {
      changed.project.environments.push_back({environment, false, ""});
    }
    for (const PromotedFlag& flag : flags_) {
      Result<FlagDefinition> definition = DecodeFlag(DefinitionAfter(flag, options_.to), Strictness::kTolerant);
      if (!definition) return Refuse(definition.error());
      changed.entities.Append(FlagRecord{*std::move(definition), {}});
    }
    const Result<Applied> applied = ApplyToRuleset(changed, *present, options_.to);
    if (applied) {
      const EntitySet &before = applied->before.entities, &after = applied->after.entities;
      review_.CheckChange(places_, before, after, flags_);
      protected_ = review_.ProtectedIn(places_, before, after, plan_);
      stop = CheckSwitches(changed, before, after);
      if (stop) return stop;
    } else if (applied.error().code == ErrorCode::kInvalid) {
      review_.Add(gate::CheckRefusal(places_, applied.error().issues));
    } else {
      return Refuse(applied.error());
    }
    if (const Stop unknown = CheckDemands()) return unknown;
    if (const Stop late = CheckTime()) return late;
    CheckApproval();
    const int exit_code = review_.Judge(document_);
    if (exit_code == kPass) return std::nullopt;
    if (options_.json) PrintJson(Value(std::move(document_)));
    return exit_code;
  }

  bool IsOnIn(const EntitySet& entities, const std::string& flag) const {
    const FlagRecord* record = entities.FindFlag(flag);
    return record != nullptr && gate::IsEnabled(record->definition, options_.to);
  }

  // What was switched off there by hand is not switched on by the way.
  Stop CheckSwitches(const Definitions& changed, const EntitySet& before, const EntitySet& after) {
    const bool is_any_switched_on = std::any_of(flags_.begin(), flags_.end(), [&](const PromotedFlag& flag) {
      return !IsOnIn(before, flag.key) && IsOnIn(after, flag.key);
    });
    if (!is_any_switched_on) return std::nullopt;
    Workspace promoted;
    promoted.definitions = changed;
    return LookAt(LookAtSwitches, &promoted, &after);
  }

  // What the policy demands of the server as it is now, in whichever environment.
  Stop CheckDemands() {
    return review_.policy().demands.empty() ? std::nullopt : LookAt(LookAtDemands, nullptr, nullptr);
  }

  // One thing about the environment, as the server has it now.
  Stop LookAt(std::optional<std::vector<gate::Finding>> (*look)(const LiveQuestion&, int&), const Workspace* files,
              const EntitySet* after) {
    int exit_code = kPass;
    std::optional<std::vector<gate::Finding>> findings =
        look({options_.connection, project_, options_.to, "", review_.policy(), files, after, now_ms_,
              AsJson(options_.json)},
             exit_code);
    if (!findings) return exit_code;
    review_.Add(*std::move(findings));
    return std::nullopt;
  }

  // Of when it is written. When somebody applies a request is not known yet.
  Stop CheckTime() {
    if (options_.write.request.empty()) {
      review_.CheckFreeze(now_ms_);
    } else if (!options_.write.at.empty()) {
      const std::optional<std::int64_t> at_ms = TimeOf(options_.write.at);
      if (!at_ms) return Refuse({ErrorCode::kInvalid, "--at is no time such as 2027-03-31T08:00:00Z", {}});
      review_.CheckFreeze(*at_ms);
    }
    return std::nullopt;
  }

  // Without --yes, the way to do it says so.
  void CheckApproval() {
    if (!TakesApproval() || !options_.yes || options_.write.emergency || !options_.write.request.empty()) return;
    const std::string fix = "the same command with --request TITLE opens a change request";
    for (gate::Finding& finding : protected_) finding.fix = fix;
    review_.Add(protected_);
    if (!IsGuarded()) return;
    review_.Add({{"change.approval",
                  gate::Severity::kFail,
                  "environment " + options_.to,
                  "",
                  {},
                  "it is protected: others have to approve what alters it",
                  fix}});
  }

  int SayWhatItWouldDo() {
    if (options_.json) {
      document_.Append("revision", Value());
      PrintJson(Value(std::move(document_)));
      return kPass;
    }
    PrintProtection(plan_);
    std::cout << Plural(flags_.size(), "flag") << " to change; nothing was written. To do it: the same command with "
              << (TakesApproval() ? "--request TITLE" : "--yes") << "\n";
    return kPass;
  }

  int Write() {
    if (!options_.write.request.empty()) {
      WriteOptions write = options_.write;
      write.description = Comment();
      return OpenRequest(options_.connection, project_, write, Object{{"changes", Changes()}}, options_.json);
    }
    const Result<ApiAnswer> done =
        Ask(options_.connection, "POST", ProjectPath(project_) + "/changes" + EmergencyQuery(options_.write),
            Value(Object{{"changes", Changes()}, {"comment", Value(Comment())}}));
    if (!done) return Explain(done.error(), options_.json);
    if (!done->ok()) return Explain(*done, options_.json);
    if (options_.json) {
      document_.Append("revision", *done->body.Find("revision"));
      PrintJson(Value(std::move(document_)));
      return kPass;
    }
    std::cout << Out().Green("promoted") << " " << Plural(flags_.size(), "flag") << " from " << options_.from << " to "
              << options_.to << ", as revision " << Text(done->body, "revision") << "\n";
    return kPass;
  }

  const PromoteOptions& options_;
  const std::int64_t now_ms_;
  PromotionReview review_;
  std::vector<gate::Finding> protected_;  // flags that take a change request by the policy
  std::string project_;
  std::vector<PromotedFlag> flags_;
  Workspace places_;  // there are none: nothing was read from files
  Value plan_;
  Object document_;
};

}  // namespace

int PromoteOnServer(const PromoteOptions& options, std::int64_t now_ms) {
  return ServerPromotion(options, now_ms).Run();
}

int Promote(const PromoteOptions& options) {
  const std::optional<std::int64_t> now_ms = TimeOf(options.now);
  if (!now_ms) return Explain({ErrorCode::kInvalid, "--now is no time such as 2027-03-31T08:00:00Z", {}}, options.json);
  return options.workspace.empty() ? PromoteOnServer(options, *now_ms) : PromoteInFiles(options, *now_ms);
}

}  // namespace guidon::cli
