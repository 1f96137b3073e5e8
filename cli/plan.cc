// guidon plan DIR: what `apply` would change, and for whom. Writes nothing.
//
// With --contexts FILE.jsonl, the contexts of that file are evaluated here before and after, in every environment: that
// counts who moves also where it depends on attributes.
#include <chrono>
#include <iostream>

#include "cli/change_set.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/base/json.h"
#include "core/codec/wire.h"
#include "core/diff/count.h"

namespace guidon::cli {
namespace {

constexpr std::size_t kMaxContextsBytes = 256u << 20;

struct Counted {
  std::string environment;
  std::vector<FlagMoves> flags;  // those that move somebody, or give somebody another value
};

// Null is an environment that is not there yet: no flags.
Result<std::shared_ptr<const Ruleset>> RulesetOf(const Value* document) {
  if (document == nullptr || document->is_null()) return Compile(Snapshot());
  Result<SnapshotDocument> decoded = DecodeSnapshot(ToJson(*document));
  if (!decoded) return Fail(decoded.error());
  return Compile(decoded->snapshot, {.lineage = nullptr, .undecodable = decoded->undecodable});
}

Result<std::vector<Counted>> CountAll(const Value& plan, const std::vector<Context>& contexts) {
  std::vector<Counted> all;
  const Value* rulesets = plan.Find("rulesets");
  if (rulesets == nullptr) return all;
  const auto now_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  for (const Member& environment : rulesets->AsObject()) {
    Result<std::shared_ptr<const Ruleset>> before = RulesetOf(environment.value.Find("before"));
    if (!before) return Fail(before.error());
    Result<std::shared_ptr<const Ruleset>> after = RulesetOf(environment.value.Find("after"));
    if (!after) return Fail(after.error());
    Counted& counted = all.emplace_back();
    counted.environment = environment.name;
    counted.flags = CountMoves(**before, **after, contexts, now_ms.count());
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
  return variation.empty() ? "the caller's default" : variation;
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
    std::cout << "nothing to change: the project is as the workspace says\n";
  } else {
    std::cout << summary << "; nothing was written. To do it: guidon apply " << options.folder
              << (options.prune ? " --prune" : "") << "\n";
  }
}

}  // namespace

int Plan(const PlanOptions& options) {
  std::vector<Context> contexts;
  if (!options.contexts.empty()) {
    Result<std::string> text = ReadFile(options.contexts, kMaxContextsBytes);
    if (!text) return Explain(text.error(), options.json);
    Result<std::vector<Context>> read = ParseContexts(*text);
    if (!read) {
      read.error().message = options.contexts + ": " + read.error().message;
      return Explain(read.error(), options.json);
    }
    contexts = *std::move(read);
  }
  int exit_code = kPass;
  const std::optional<Workspace> workspace = ReadValidWorkspace(options.folder, options.json, exit_code);
  if (!workspace) return exit_code;
  Result<ApiAnswer> answer = SendWorkspace(
      options.connection, *workspace, {.dry_run = true, .prune = options.prune, .rulesets = !options.contexts.empty()});
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  Result<std::vector<Counted>> counted = CountAll(answer->body, contexts);
  if (!counted) return Explain(counted.error(), options.json);
  const bool conflicts = HasConflicts(answer->body);
  if (options.json) {
    Value document = std::move(answer->body);
    document.MutableObject().Erase("rulesets");
    if (!options.contexts.empty()) {
      document.MutableObject().Append("contexts", Value(contexts.size()));
      document.MutableObject().Append("counted", ToValue(*counted));
    }
    PrintJson(document);
    return conflicts ? kProblem : kPass;
  }
  PrintChanges(answer->body);
  PrintWarnings(answer->body, *workspace);
  if (conflicts) {
    PrintConflicts(answer->body);
    return kProblem;
  }
  if (!options.contexts.empty()) PrintCounts(*counted, contexts.size(), options.contexts);
  PrintPlan(options, answer->body);
  return kPass;
}

}  // namespace guidon::cli
