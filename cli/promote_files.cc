// guidon promote --workspace DIR: the same in the files of a workspace, so that the change goes through a pull request.
//
// Files know no past: where both environments say something, nobody can tell who changed it. What the gate says is on
// the buckets of a first allocation; `guidon gate` looks at those that a server has.
#include <filesystem>
#include <iostream>
#include <map>

#include "cli/api_client.h"
#include "cli/change_set.h"
#include "cli/output.h"
#include "cli/promotion.h"
#include "cli/ruleset_source.h"
#include "cli/targeting_edit.h"
#include "cli/unified_diff.h"
#include "cli/verbs.h"
#include "core/allocate/allocate.h"
#include "core/base/json.h"
#include "core/codec/codec.h"
#include "format/edit.h"
#include "format/format.h"
#include "gate/change_checks.h"
#include "gate/static_checks.h"
#include "workspace/file.h"
#include "workspace/replace.h"

namespace guidon::cli {
namespace {

using Stop = std::optional<int>;

class FilePromotion {
 public:
  FilePromotion(const PromoteOptions& options, std::int64_t now_ms)
      : options_(options), now_ms_(now_ms), review_(options, now_ms) {}

  int Run() {
    for (Stop (FilePromotion::*step)() :
         {&FilePromotion::TakeInputs, &FilePromotion::TakeFlags, &FilePromotion::Merge, &FilePromotion::Edit,
          &FilePromotion::ReadAgain, &FilePromotion::AskTheGate}) {
      if (const Stop stop = (this->*step)()) return *stop;
    }
    return Write();
  }

 private:
  Stop Refuse(const Error& error) const { return Explain(error, options_.json); }

  Stop TakeInputs() {
    int exit_code = kPass;
    std::optional<Workspace> workspace = ReadValidWorkspace(options_.workspace, options_.json, exit_code);
    if (!workspace) return exit_code;
    workspace_ = *std::move(workspace);
    for (const std::string& environment : {options_.from, options_.to}) {
      if (workspace_.definitions.project.FindEnvironment(environment) == nullptr) {
        return Refuse(NoSuchEnvironment(workspace_.definitions.project, environment));
      }
    }
    std::string policy = options_.policy;
    if (policy.empty()) {
      const std::filesystem::path beside = std::filesystem::path(options_.workspace) / "gate.yaml";
      std::error_code error;
      if (std::filesystem::exists(beside, error)) policy = beside.lexically_normal().generic_string();
    }
    if (const Stop stop = review_.TakePolicy(policy)) return stop;
    return review_.TakeContexts();
  }

  Stop TakeFlags() {
    std::vector<PromotedFlag> all;
    for (const FlagRecord& record : workspace_.definitions.entities.flags) {
      all.push_back({record.definition.key, EncodeFlag(record.definition)});
    }
    Result<std::vector<PromotedFlag>> chosen = ChosenFlags(std::move(all), options_);
    if (!chosen) return Refuse(chosen.error());
    flags_ = *std::move(chosen);
    return std::nullopt;
  }

  Stop Merge() {
    for (PromotedFlag& flag : flags_) {
      const TargetingValue from = TargetingIn(flag.definition, options_.from);
      flag.promoted.targeting = from;
      if (!options_.overwrite) flag.promoted = TargetingMerge(from, TargetingIn(flag.definition, options_.to)).Merge();
    }
    document_ = review_.Document(flags_);
    if (flags_.empty()) return review_.SayNothingToDo(std::move(document_));
    const std::string way_out = "Files do not say what the two last agreed on: a server does, or give " + options_.to +
                                " all that " + options_.from + " says with --overwrite.";
    if (!review_.HasConflicts(flags_, way_out, document_)) return std::nullopt;
    if (options_.json) PrintJson(Value(std::move(document_)));
    return kProblem;
  }

  std::string PathOf(const std::string& file) const { return options_.workspace + "/" + file; }

  Stop Edit() {
    std::map<std::string, format::Tree> trees;
    for (const PromotedFlag& flag : flags_) {
      const Origin& origin = workspace_.origins.at({EntityKind::kFlag, flag.key});
      const std::string& file = origin.file;
      auto held = trees.find(file);
      if (held == trees.end()) {
        Result<std::string> text = ReadFile(PathOf(file), YamlLimits().max_bytes);
        if (!text) return Refuse(text.error());
        Result<format::Tree> tree = format::TreeOf(*text);
        if (!tree) return Refuse({tree.error().code, PathOf(file) + ":" + tree.error().message, {}});
        before_[file] = *std::move(text);
        held = trees.emplace(file, *std::move(tree)).first;
      }
      const Status edited =
          EditTargeting(held->second, {flag.key, origin.OfKey(Path().Key("flag")).line, options_.from, options_.to,
                                       flag.promoted.targeting, TargetingIn(flag.definition, options_.to)});
      if (!edited) return Refuse({edited.error().code, PathOf(file) + ": " + edited.error().message, {}});
    }
    for (auto& [file, tree] : trees) after_[file] = format::WriteTree(std::move(tree), FormatOptions().columns);
    return std::nullopt;
  }

  // What is written has to be what was meant.
  Stop ReadAgain() {
    Result<Workspace> edited = ReadWorkspace(options_.workspace, {.unsaved = after_});
    if (!edited) return Refuse(edited.error());
    edited_ = *std::move(edited);
    Definitions meant = workspace_.definitions;
    for (const PromotedFlag& flag : flags_) {
      Result<FlagDefinition> definition = DecodeFlag(DefinitionAfter(flag, options_.to));
      if (!definition) return Refuse(definition.error());
      meant.entities.Upsert(FlagRecord{*std::move(definition), {}});
    }
    if (!(edited_.definitions == meant)) {
      return Refuse({ErrorCode::kInternal,
                     "the files would not say what was promoted, so they were left as they are: edit them by hand",
                     {}});
    }
    if (!edited_.HasErrors()) return std::nullopt;
    std::vector<Issue> issues;
    for (const PlacedIssue& placed : edited_.issues) issues.push_back(placed.issue);
    review_.Add(gate::CheckRefusal(edited_, issues));
    return Judge();
  }

  Stop AskTheGate() {
    Definitions before = workspace_.definitions;
    if (const std::vector<Issue> issues = AllocateStates(nullptr, before); guidon::HasErrors(issues)) {
      return Refuse({ErrorCode::kInvalid, "the workspace cannot be allocated", issues});
    }
    SnapshotDocument present;
    present.snapshot = SnapshotOf(before, options_.to, 0);
    const Result<Applied> applied = ApplyToRuleset(edited_.definitions, present, options_.workspace);
    if (applied) {
      review_.CheckChange(edited_, applied->before.entities, applied->after.entities, flags_);
    } else if (applied.error().code == ErrorCode::kInvalid) {
      review_.Add(gate::CheckRefusal(edited_, applied.error().issues));
    } else {
      return Refuse(applied.error());
    }
    review_.CheckFreeze(now_ms_);
    review_.CheckTests(edited_);
    SayWhatChanges();
    const Stop verdict = Judge();
    return *verdict == kPass ? std::nullopt : verdict;
  }

  void SayWhatChanges() {
    Array files;
    for (const auto& [file, text] : after_) {
      const std::string path = gate::FileOf(edited_, file), diff = UnifiedDiff(path, before_.at(file), text);
      files.emplace_back(Object{{"file", Value(path)}, {"diff", Value(diff)}});
      if (!options_.json) std::cout << diff;
    }
    document_.Append("files", Value(std::move(files)));
  }

  // The document is complete where it is not to be written.
  Stop Judge() {
    const int exit_code = review_.Judge(document_);
    if (exit_code != kPass && options_.json) PrintJson(Value(std::move(document_)));
    return exit_code;
  }

  int Write() {
    if (options_.yes) {
      std::vector<Replacement> files;
      for (const auto& [file, text] : after_) files.push_back({PathOf(file), before_.at(file), text});
      if (const Status written = ReplaceAll(files); !written) return Explain(written.error(), options_.json);
    }
    if (options_.json) {
      document_.Append("written", Value(options_.yes));
      PrintJson(Value(std::move(document_)));
    } else if (options_.yes) {
      std::cout << Out().Green("promoted") << " " << Plural(flags_.size(), "flag") << " from " << options_.from
                << " to " << options_.to << ", in " << Plural(after_.size(), "file") << "\n";
    } else {
      std::cout << Plural(flags_.size(), "flag")
                << " to change; nothing was written. To do it: the same command with --yes\n";
    }
    return kPass;
  }

  const PromoteOptions& options_;
  const std::int64_t now_ms_;
  PromotionReview review_;
  Workspace workspace_, edited_;
  std::vector<PromotedFlag> flags_;
  std::map<std::string, std::string> before_, after_;  // texts, by file
  Object document_;
};

}  // namespace

int PromoteInFiles(const PromoteOptions& options, std::int64_t now_ms) {
  return FilePromotion(options, now_ms).Run();
}

}  // namespace guidon::cli
