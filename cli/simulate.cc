// guidon simulate: what a flag serves to many, by which rule and for which reason; and who moves when the files of a
// workspace are applied, to what the server has or to an exported ruleset.
//
// Whom: contexts of a file, which are counted exactly, or a made-up population (core/simulate/population.h).
#include <algorithm>
#include <cmath>
#include <iostream>
#include <variant>

#include "cli/api_client.h"
#include "cli/change_set.h"
#include "cli/output.h"
#include "cli/ruleset_source.h"
#include "cli/verbs.h"
#include "core/base/json.h"
#include "core/simulate/simulate.h"
#include "workspace/file.h"
#include "workspace/population_text.h"
#include "yaml/yaml.h"

namespace guidon::cli {
namespace {

// Whom it is asked for.
struct Audience {
  std::variant<Population, std::vector<Context>> who;
  std::string named;  // "user.jsonl", "shoppers.yaml, seed 1"
};

struct SimulatedRulesets {
  std::shared_ptr<const Ruleset> before;  // null: no change is looked at
  std::shared_ptr<const Ruleset> after;
  std::string environment;
  std::string change;  // "revision 17 of the server → shop"; empty: none
};

// nullopt everywhere here: it is said why, and `exit_code` is set.
template <typename T>
std::optional<T> Untaken(int& exit_code, int code) {
  exit_code = code;
  return std::nullopt;
}

// --- whom -----------------------------------------------------------------------------------------------------------

std::optional<Population> PopulationOf(const SimulateOptions& options, int& exit_code) {
  const bool is_inline = options.population.starts_with('{');
  const std::string name = is_inline ? "--population" : options.population;
  std::string text = options.population;
  if (!is_inline) {
    Result<std::string> read = ReadFile(options.population, YamlLimits().max_bytes);
    if (!read) return Untaken<Population>(exit_code, Explain(read.error(), options.json));
    text = *std::move(read);
  }
  PopulationText population = ReadPopulation(text, name);
  if (population.population) return std::move(population.population);
  Error error{ErrorCode::kInvalid, "the population of " + name + " cannot be used", {}};
  if (is_inline) error.message = "the population cannot be used";
  for (const PlacedIssue& fault : population.faults) {
    std::cerr << Describe(fault, Err()) << "\n";
    error.issues.push_back(fault.issue);
  }
  Complain(error, options.json);
  return Untaken<Population>(exit_code, kUsage);
}

std::optional<Audience> ReadAudience(const SimulateOptions& options, int& exit_code) {
  if (!options.contexts.empty()) {
    Result<std::vector<Context>> contexts = ReadContexts(options.contexts);
    if (!contexts) return Untaken<Audience>(exit_code, Explain(contexts.error(), options.json));
    return Audience{*std::move(contexts), options.contexts};
  }
  std::optional<Population> population = PopulationOf(options, exit_code);
  if (!population) return std::nullopt;
  const std::string seed = "seed " + std::to_string(population->seed);
  return Audience{*std::move(population),
                  options.population.starts_with('{') ? seed : options.population + ", " + seed};
}

// --- of what --------------------------------------------------------------------------------------------------------

std::shared_ptr<const Ruleset> CompiledOf(const SnapshotDocument& document) {
  return Compile(document.snapshot, {.lineage = nullptr, .undecodable = document.undecodable});
}

std::optional<SimulatedRulesets> FromFile(const SimulateOptions& options, int& exit_code) {
  const Result<SnapshotDocument> document = ReadRulesetFile(options.ruleset);
  if (!document) return Untaken<SimulatedRulesets>(exit_code, Explain(document.error(), options.json));
  return SimulatedRulesets{nullptr, CompiledOf(*document), document->snapshot.environment, ""};
}

std::optional<SimulatedRulesets> FromServer(const SimulateOptions& options, int& exit_code) {
  const Result<std::string> project = ResolveProject(options.connection, options.project);
  if (!project) return Untaken<SimulatedRulesets>(exit_code, Explain(project.error(), options.json));
  std::string path = EnvironmentPath(*project, options.environment) + "/snapshot";
  if (options.revision) path += "?revision=" + std::to_string(*options.revision);
  if (!options.at.empty()) path += "?at=" + Escape(options.at);
  const Result<ApiAnswer> answer = Ask(options.connection, "GET", path);
  if (!answer) return Untaken<SimulatedRulesets>(exit_code, Explain(answer.error(), options.json));
  if (!answer->ok()) return Untaken<SimulatedRulesets>(exit_code, Explain(*answer, options.json));
  const Result<SnapshotDocument> document = DecodeSnapshot(answer->text);
  if (!document) return Untaken<SimulatedRulesets>(exit_code, Explain(document.error(), options.json));
  return SimulatedRulesets{nullptr, CompiledOf(*document), options.environment, ""};
}

// The workspace alone, with first allocations.
std::optional<SimulatedRulesets> FromWorkspace(const SimulateOptions& options, int& exit_code) {
  const Result<Snapshot> snapshot = SnapshotOfWorkspace(options.workspace, options.environment);
  if (!snapshot) return Untaken<SimulatedRulesets>(exit_code, ExplainRefusal(snapshot.error(), options.json));
  return SimulatedRulesets{nullptr, Compile(*snapshot), options.environment, ""};
}

std::optional<SimulatedRulesets> FileToWorkspace(const SimulateOptions& options, const Workspace& workspace,
                                                 int& exit_code) {
  const Result<SnapshotDocument> file = ReadRulesetFile(options.snapshot);
  if (!file) return Untaken<SimulatedRulesets>(exit_code, Explain(file.error(), options.json));
  if (!options.environment.empty() && options.environment != file->snapshot.environment) {
    const Error error{ErrorCode::kNotFound,
                      options.snapshot + " is of " + file->snapshot.environment + ", not of " + options.environment,
                      {}};
    return Untaken<SimulatedRulesets>(exit_code, Explain(error, options.json));
  }
  const Result<Applied> applied = ApplyToRuleset(workspace.definitions, *file, options.snapshot);
  if (!applied) return Untaken<SimulatedRulesets>(exit_code, ExplainRefusal(Said(applied.error()), options.json));
  return SimulatedRulesets{Compile(applied->before), Compile(applied->after), file->snapshot.environment,
                           options.snapshot + " → " + options.workspace};
}

// As the server would have it once the files are applied.
std::optional<SimulatedRulesets> ServerToWorkspace(const SimulateOptions& options, const Workspace& workspace,
                                                   int& exit_code) {
  Result<ApiAnswer> answer = SendWorkspace(options.connection, workspace, {.dry_run = true, .rulesets = true});
  if (!answer) return Untaken<SimulatedRulesets>(exit_code, Explain(answer.error(), options.json));
  if (!answer->ok()) return Untaken<SimulatedRulesets>(exit_code, Explain(*answer, options.json));
  if (HasConflicts(answer->body)) {
    Complain({ErrorCode::kConflict, "the server has changed what the files change; `guidon plan` shows it", {}},
             options.json);
    return Untaken<SimulatedRulesets>(exit_code, kProblem);
  }
  Result<std::vector<PlannedRulesets>> planned = TakeRulesets(answer->body);
  if (!planned) return Untaken<SimulatedRulesets>(exit_code, Explain(planned.error(), options.json));
  for (PlannedRulesets& rulesets : *planned) {
    if (rulesets.environment != options.environment) continue;
    return SimulatedRulesets{std::move(rulesets.before), std::move(rulesets.after), options.environment,
                             "the server → " + options.workspace};
  }
  const Error error = NoSuchEnvironment(workspace.definitions.project, options.environment);
  return Untaken<SimulatedRulesets>(exit_code, Explain(error, options.json));
}

std::optional<SimulatedRulesets> TakeSimulated(const SimulateOptions& options, int& exit_code) {
  if (!options.ruleset.empty()) return FromFile(options, exit_code);
  if (options.workspace.empty()) return FromServer(options, exit_code);
  if (options.offline) return FromWorkspace(options, exit_code);
  const std::optional<Workspace> workspace = ReadValidWorkspace(options.workspace, options.json, exit_code);
  if (!workspace) return std::nullopt;
  return options.snapshot.empty() ? ServerToWorkspace(options, *workspace, exit_code)
                                  : FileToWorkspace(options, *workspace, exit_code);
}

// --- for programs ---------------------------------------------------------------------------------------------------

Value NamedOrNull(const std::string& variation) {
  return variation.empty() ? Value() : Value(variation);
}

double ShareOfAll(std::uint64_t units, std::uint64_t all) {
  return all == 0 ? 0 : static_cast<double>(units) / static_cast<double>(all);
}

Object ToObject(const Distribution& distribution, std::uint64_t all) {
  Array variations, reasons, decided;
  for (const CountedUnits& counted : distribution.variations) {
    variations.push_back(Object{{"variation", NamedOrNull(counted.name)},
                                {"units", Value(counted.units)},
                                {"share", Value(ShareOfAll(counted.units, all))}});
  }
  for (const CountedUnits& counted : distribution.reasons) {
    reasons.push_back(Object{{"reason", Value(counted.name)}, {"units", Value(counted.units)}});
  }
  for (const DecidedUnits& counted : distribution.decided) {
    decided.push_back(Object{
        {"by", Value(counted.by)}, {"variation", NamedOrNull(counted.variation)}, {"units", Value(counted.units)}});
  }
  return Object{{"variations", Value(std::move(variations))},
                {"reasons", Value(std::move(reasons))},
                {"decided", Value(std::move(decided))}};
}

Value DocumentOf(const SimulateOptions& options, const Audience& audience, const SimulatedRulesets& rulesets,
                 const Simulated& simulated) {
  Object document{{"flag", Value(options.flag)}, {"environment", Value(rulesets.environment)}};
  if (rulesets.before == nullptr && options.workspace.empty()) {
    document.Append("revision", Value(rulesets.after->revision()));
  }
  document.Append("units", Value(simulated.units));
  if (const auto* population = std::get_if<Population>(&audience.who)) {
    document.Append("seed", Value(population->seed));
  }
  for (Member& member : ToObject(simulated.after, simulated.units)) {
    document.Append(member.name, std::move(member.value));
  }
  if (!simulated.before) return document;
  document.Append("before", Value(ToObject(*simulated.before, simulated.units)));
  Array moves;
  for (const MovedUnits& move : simulated.moves) {
    moves.push_back(
        Object{{"from", NamedOrNull(move.from)}, {"to", NamedOrNull(move.to)}, {"units", Value(move.units)}});
  }
  document.Append("moved", Value(simulated.moved));
  document.Append("revalued", Value(simulated.revalued));
  document.Append("moves", Value(std::move(moves)));
  return document;
}

// --- for people -----------------------------------------------------------------------------------------------------

std::string ShareText(std::uint64_t units, std::uint64_t all) {
  const std::uint64_t tenths = all == 0 ? 0 : (units * 1000 + all / 2) / all;
  if (tenths == 0 && units > 0) return "<0.1%";
  if (tenths == 1000 && units < all) return ">99.9%";
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + "%";
}

std::string VariationText(const std::string& variation) {
  return variation.empty() ? "(the caller's fallback)" : Printable(variation);
}

constexpr std::size_t kMostWide = 78;  // of what has columns, also where nobody asks for less
constexpr std::size_t kMostMoves = 20;

std::size_t MostWide() {
  return std::min(kMostWide, LineWidth());
}

// Lines of cells below each other: the first `left` columns begin at the left, the others end at the right.
std::vector<std::string> Columns(const std::vector<std::vector<std::string>>& lines, std::size_t left) {
  std::vector<std::size_t> widths;
  for (const std::vector<std::string>& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], Width(line[i]));
  }
  std::vector<std::string> texts;
  for (const std::vector<std::string>& line : lines) {
    std::string text = " ";
    for (std::size_t i = 0; i < line.size(); ++i) {
      text += i < left ? " " + Padded(line[i], widths[i]) + " "
                       : "  " + std::string(widths[i] - Width(line[i]), ' ') + line[i];
    }
    text.erase(text.find_last_not_of(' ') + 1);
    texts.push_back(std::move(text));
  }
  return texts;
}

void PrintColumns(const std::vector<std::vector<std::string>>& lines, std::size_t left) {
  for (const std::string& text : Columns(lines, left)) std::cout << text << "\n";
}

void PrintVariations(const Simulated& simulated) {
  std::vector<std::vector<std::string>> lines;
  if (!simulated.before) {
    for (const CountedUnits& counted : simulated.after.variations) {
      lines.push_back(
          {VariationText(counted.name), std::to_string(counted.units), ShareText(counted.units, simulated.units)});
    }
    return PrintColumns(lines, 1);
  }
  std::vector<std::string> names;
  for (const Distribution* side : {&*simulated.before, &simulated.after}) {
    for (const CountedUnits& counted : side->variations) {
      if (std::find(names.begin(), names.end(), counted.name) == names.end()) names.push_back(counted.name);
    }
  }
  lines.push_back({"", "before", "", "after", ""});
  for (const std::string& name : names) {
    const std::uint64_t before = simulated.before->UnitsOf(name), after = simulated.after.UnitsOf(name);
    lines.push_back({VariationText(name), std::to_string(before), ShareText(before, simulated.units),
                     std::to_string(after), ShareText(after, simulated.units)});
  }
  PrintColumns(lines, 1);
}

void PrintDecided(const Distribution& distribution, std::uint64_t all) {
  std::vector<std::vector<std::string>> lines;
  for (const DecidedUnits& counted : distribution.decided) {
    lines.push_back({Printable(counted.by), VariationText(counted.variation), std::to_string(counted.units),
                     ShareText(counted.units, all)});
  }
  PrintColumns(lines, 2);
  std::cout << "\nreasons\n";
  lines.clear();
  for (const CountedUnits& counted : distribution.reasons) {
    lines.push_back({counted.name, std::to_string(counted.units), ShareText(counted.units, all)});
  }
  PrintColumns(lines, 1);
}

std::uint64_t MovedFromTo(const Simulated& simulated, const std::string& from, const std::string& to) {
  for (const MovedUnits& move : simulated.moves) {
    if (move.from == from && move.to == to) return move.units;
  }
  return 0;
}

void PrintMoves(const Simulated& simulated) {
  std::vector<std::vector<std::string>> lines;
  std::uint64_t others = 0, units = 0;
  for (const MovedUnits& move : simulated.moves) {
    if (move.from == move.to) continue;
    if (lines.size() == kMostMoves) {
      ++others;
      units += move.units;
      continue;
    }
    lines.push_back({VariationText(move.from) + " → " + VariationText(move.to), std::to_string(move.units),
                     ShareText(move.units, simulated.units)});
  }
  PrintColumns(lines, 1);
  if (others == 0) return;
  std::cout << "  and " << units << " in " << Plural(others, "other way") << "; --json has them all\n";
}

// Rows are before, columns after; a list where that is too wide.
void PrintMatrix(const Simulated& simulated) {
  constexpr std::size_t kMostColumns = kMostWide / 3;  // each takes as much
  std::vector<std::vector<std::string>> lines(1, {"from \\ to"});
  for (const CountedUnits& to : simulated.after.variations) lines[0].push_back(VariationText(to.name));
  if (lines[0].size() > kMostColumns) return PrintMoves(simulated);
  for (const CountedUnits& from : simulated.before->variations) {
    std::vector<std::string>& line = lines.emplace_back(1, VariationText(from.name));
    for (const CountedUnits& to : simulated.after.variations) {
      line.push_back(std::to_string(MovedFromTo(simulated, from.name, to.name)));
    }
  }
  const std::vector<std::string> texts = Columns(lines, 1);
  const bool is_wide =
      std::any_of(texts.begin(), texts.end(), [](const std::string& text) { return Width(text) > MostWide(); });
  if (is_wide || lines.size() > kMostMoves + 1) return PrintMoves(simulated);
  for (const std::string& text : texts) std::cout << text << "\n";
}

void PrintSimulated(const SimulateOptions& options, const Audience& audience, const SimulatedRulesets& rulesets,
                    const Simulated& simulated) {
  const std::string unit = std::holds_alternative<Population>(audience.who) ? "unit" : "context";
  std::cout << Wrapped(Out().Bold(Printable(options.flag)) + " in " + Printable(rulesets.environment) + ": " +
                           Plural(simulated.units, unit) + " of " + Printable(audience.named),
                       0)
            << "\n";
  if (!rulesets.change.empty()) std::cout << Wrapped(Printable(rulesets.change), 0) << "\n";
  std::cout << "\nserved\n";
  PrintVariations(simulated);
  std::cout << "\ndecided by" << (simulated.before ? ", after" : "") << "\n";
  PrintDecided(simulated.after, simulated.units);
  if (!simulated.before) return;
  std::cout << "\n";
  if (simulated.moved == 0) {
    std::cout << "nobody moves";
  } else {
    std::cout << simulated.moved << (simulated.moved == 1 ? " moves, " : " move, ")
              << ShareText(simulated.moved, simulated.units);
  }
  if (simulated.revalued > 0) std::cout << "; " << simulated.revalued << " get the same variation with another value";
  std::cout << "\n";
  if (simulated.moved > 0) PrintMatrix(simulated);
}

// A flag that neither side has.
std::optional<int> RefuseUnknown(const SimulateOptions& options, const SimulatedRulesets& rulesets) {
  if (rulesets.after->At(rulesets.after->Find(options.flag)) != nullptr) return std::nullopt;
  if (rulesets.before != nullptr && rulesets.before->At(rulesets.before->Find(options.flag)) != nullptr) {
    return std::nullopt;
  }
  std::string message = "there is no flag '" + options.flag + "' in " + rulesets.environment;
  const std::string hint = DidYouMean(options.flag, rulesets.after->FlagKeys());
  if (!hint.empty()) message += "; " + hint;
  return Explain({ErrorCode::kNotFound, std::move(message), {}}, options.json);
}

}  // namespace

int Simulate(const SimulateOptions& options) {
  const Result<std::int64_t> now_ms = MomentOf(options.at, options.now);
  if (!now_ms) return Explain(now_ms.error(), options.json);
  int exit_code = kPass;
  const std::optional<Audience> audience = ReadAudience(options, exit_code);
  if (!audience) return exit_code;
  const std::optional<SimulatedRulesets> rulesets = TakeSimulated(options, exit_code);
  if (!rulesets) return exit_code;
  if (const std::optional<int> refused = RefuseUnknown(options, *rulesets)) return *refused;
  const SimulatedFlag flag{options.flag, rulesets->before.get(), *rulesets->after, *now_ms};
  const Simulated simulated = std::visit([&](const auto& who) { return guidon::Simulate(flag, who); }, audience->who);
  if (options.json) {
    PrintJson(DocumentOf(options, *audience, *rulesets, simulated));
  } else {
    PrintSimulated(options, *audience, *rulesets, simulated);
  }
  return kPass;
}

}  // namespace guidon::cli
