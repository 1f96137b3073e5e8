// guidon plan DIR: what `apply` would change, and for whom. Writes nothing.
//
// Compared with the server, in every environment; or, with --snapshot FILE, with the one environment that a ruleset
// file holds, on its ranges and states and without a server.
//
// With --contexts FILE.jsonl, the contexts of that file are evaluated here before and after: that counts who moves also
// where it depends on attributes.
#include <chrono>
#include <iostream>

#include "cli/change_set.h"
#include "cli/output.h"
#include "cli/ruleset_source.h"
#include "cli/verbs.h"
#include "core/base/json.h"
#include "core/diff/audience.h"
#include "core/diff/count.h"
#include "core/diff/diff.h"
#include "workspace/file.h"

namespace guidon::cli {
namespace {

struct PlanDocument {
  Value value;  // as the server says it
  std::vector<PlannedRulesets> rulesets;
};

struct Counted {
  std::string environment;
  std::vector<FlagMoves> flags;  // those that move somebody, or give somebody another value
};

// nullopt, with `exit_code` set and the reason said, when there is none.
std::optional<PlanDocument> PlanOnServer(const PlanOptions& options, const Workspace& workspace, int& exit_code) {
  Result<ApiAnswer> answer = SendWorkspace(
      options.connection, workspace, {.dry_run = true, .prune = options.prune, .rulesets = !options.contexts.empty()});
  if (!answer || !answer->ok()) {
    exit_code = answer ? Explain(*answer, options.json) : Explain(answer.error(), options.json);
    return std::nullopt;
  }
  Result<std::vector<PlannedRulesets>> rulesets = TakeRulesets(answer->body);
  if (!rulesets) {
    exit_code = Explain(rulesets.error(), options.json);
    return std::nullopt;
  }
  return PlanDocument{std::move(answer->body), *std::move(rulesets)};
}

Value DescribeApplied(const Applied& applied) {
  Array changes, warnings;
  for (EntityChange& change : DescribeChanges(applied.before.entities, applied.entities)) {
    // A segment does not know by itself where it is used.
    if (change.ref.kind == EntityKind::kSegment) {
      change.environments = EnvironmentsUsing(change.ref.key, applied.entities);
    }
    changes.push_back(ToValue(change));
  }
  for (const Issue& issue : applied.warnings) warnings.push_back(ToValue(issue));
  Object document{{"revision", Value()}, {"changes", Value(std::move(changes))}, {"conflicts", Value(Array())}};
  if (!warnings.empty()) document.Append("warnings", Value(std::move(warnings)));
  document.Append("snapshot", Value(Object{{"environment", Value(applied.before.environment)},
                                           {"revision", Value(applied.before.revision)}}));
  return document;
}

std::optional<PlanDocument> PlanOnFile(const PlanOptions& options, const Workspace& workspace, int& exit_code) {
  const Result<SnapshotDocument> file = ReadRulesetFile(options.snapshot);
  if (!file) {
    exit_code = Explain(file.error(), options.json);
    return std::nullopt;
  }
  Result<Applied> applied = ApplyToRuleset(workspace.definitions, *file, options.snapshot);
  if (!applied) {
    exit_code = ExplainRefusal(Said(applied.error()), options.json);
    return std::nullopt;
  }
  std::cerr << "Compared with " << options.snapshot << ": " << applied->before.environment << " at revision "
            << applied->before.revision << ", and nothing else of the project.\n";
  PlanDocument plan{DescribeApplied(*applied), {}};
  if (!options.contexts.empty()) {
    plan.rulesets.push_back({applied->before.environment, Compile(applied->before), Compile(applied->after)});
  }
  return plan;
}

std::vector<Counted> CountAll(const std::vector<PlannedRulesets>& rulesets, const std::vector<Context>& contexts) {
  std::vector<Counted> all;
  const auto now_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  for (const PlannedRulesets& environment : rulesets) {
    Counted& counted = all.emplace_back();
    counted.environment = environment.environment;
    counted.flags = CountMoves(*environment.before, *environment.after, contexts, now_ms.count());
    std::erase_if(counted.flags, [](const FlagMoves& flag) { return flag.moved == 0 && flag.revalued == 0; });
  }
  return all;
}

Value ToValue(const std::vector<Counted>& all) {
  Object environments;
  for (const Counted& counted : all) {
    Array flags;
    for (const FlagMoves& flag : counted.flags) {
      Array moves;
      for (const VariationMove& move : flag.moves) {
        moves.push_back(Object{{"from", move.from.empty() ? Value() : Value(move.from)},
                               {"to", move.to.empty() ? Value() : Value(move.to)},
                               {"contexts", Value(move.contexts)}});
      }
      flags.push_back(Object{{"flag", Value(flag.flag)},
                             {"moved", Value(flag.moved)},
                             {"revalued", Value(flag.revalued)},
                             {"moves", Value(std::move(moves))}});
    }
    environments.Append(counted.environment, Value(std::move(flags)));
  }
  return environments;
}

// 125 of 1000 -> "12.5%"
std::string Percent(std::uint64_t part, std::uint64_t whole) {
  const std::uint64_t tenths = whole == 0 ? 0 : (part * 1000 + whole / 2) / whole;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + "%";
}

std::string OrDefault(const std::string& variation) {
  return variation.empty() ? "the caller's fallback" : variation;
}

void PrintCounts(const std::vector<Counted>& all, std::size_t contexts, const std::string& file) {
  constexpr std::size_t kHang = 6;
  std::cout << "of " << Plural(contexts, "context") << " in " << file << ":\n";
  for (const Counted& counted : all) {
    if (counted.flags.empty()) std::cout << "  " << counted.environment << ": nobody moves\n";
    for (const FlagMoves& flag : counted.flags) {
      std::cout << "  " << Out().Bold(flag.flag) << " (" << counted.environment << "): ";
      if (flag.moved > 0) std::cout << flag.moved << " move, " << Percent(flag.moved, contexts);
      if (flag.moved > 0 && flag.revalued > 0) std::cout << "; ";
      if (flag.revalued > 0) std::cout << flag.revalued << " get the same variation with another value";
      std::cout << "\n";
      for (const VariationMove& move : flag.moves) {
        const std::string line =
            OrDefault(move.from) + " → " + OrDefault(move.to) + ": " + std::to_string(move.contexts);
        std::cout << Wrapped(line, kHang) << "\n";
      }
    }
  }
}

void PrintPlan(const PlanOptions& options, const Value& plan) {
  const std::string summary = SummaryOf(plan);
  if (summary.empty()) {
    std::cout << "nothing to change: the " << (options.snapshot.empty() ? "project" : "environment")
              << " is as the workspace says\n";
  } else {
    std::cout << summary << "; nothing was written. To do it: guidon apply " << options.folder
              << (options.prune ? " --prune" : "") << WriteOptionsFor(plan) << "\n";
  }
}

}  // namespace

int Plan(const PlanOptions& options) {
  std::vector<Context> contexts;
  if (!options.contexts.empty()) {
    Result<std::vector<Context>> read = ReadContexts(options.contexts);
    if (!read) return Explain(read.error(), options.json);
    contexts = *std::move(read);
  }
  int exit_code = kPass;
  const std::optional<Workspace> workspace = ReadValidWorkspace(options.folder, options.json, exit_code);
  if (!workspace) return exit_code;
  std::optional<PlanDocument> plan = options.snapshot.empty() ? PlanOnServer(options, *workspace, exit_code)
                                                              : PlanOnFile(options, *workspace, exit_code);
  if (!plan) return exit_code;
  const std::vector<Counted> counted = CountAll(plan->rulesets, contexts);
  const bool conflicts = HasConflicts(plan->value);
  if (options.json) {
    Value document = std::move(plan->value);
    if (!options.contexts.empty()) {
      document.MutableObject().Append("contexts", Value(contexts.size()));
      document.MutableObject().Append("counted", ToValue(counted));
    }
    PrintJson(document);
    return conflicts ? kProblem : kPass;
  }
  PrintChanges(plan->value);
  PrintWarnings(plan->value, *workspace);
  if (conflicts) {
    PrintConflicts(plan->value);
    return kProblem;
  }
  if (!options.contexts.empty()) PrintCounts(counted, contexts.size(), options.contexts);
  PrintProtection(plan->value);
  PrintPlan(options, plan->value);
  return kPass;
}

}  // namespace guidon::cli
