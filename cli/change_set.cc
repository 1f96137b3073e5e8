#include "cli/change_set.h"

#include <algorithm>
#include <iostream>

#include "cli/output.h"
#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/codec/codec.h"

namespace guidon::cli {
namespace {

template <typename Records, typename Encode>
Value ListOf(const Records& records, Encode encode) {
  Array list;
  for (const auto& record : records) list.push_back(encode(record.definition));
  return list;
}

std::string ShownOf(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  return member == nullptr ? std::string() : Printable(member->AsString());
}

bool Creates(const Value& change) {
  return ShownOf(change, "action") == "create";
}
bool TakesAway(const Value& change) {
  return ShownOf(change, "action") == "archive" || ShownOf(change, "action") == "remove";
}

std::string Mark(const Value& change) {
  if (Creates(change)) return Out().Green("+");
  return TakesAway(change) ? Out().Red("-") : Out().Yellow("~");
}

std::string NameOf(const Value& change) {
  return ShownOf(change, "kind") + " " + ShownOf(change, "key");
}

void PrintChange(const Value& change, std::size_t column) {
  constexpr std::size_t kMarkWidth = 4;  // "  ~ "
  constexpr std::size_t kHang = 6;
  const std::string kind = ShownOf(change, "kind"), key = ShownOf(change, "key");
  const std::string environments = Joined(change, "environments");
  const Array& summary = ListIn(change, "summary");
  std::cout << "  " << Mark(change) << " " << kind << " " << Out().Bold(key);
  // What is new says little about itself: all on one line, as a table.
  std::string beside;
  if (Creates(change) && summary.size() == 1) beside = Printable(summary[0].AsString());
  if (!environments.empty()) beside += (beside.empty() ? "(" : " (") + environments + ")";
  if (Creates(change) && summary.size() <= 1 && kMarkWidth + column + 2 + Width(beside) <= LineWidth()) {
    if (!beside.empty()) std::cout << std::string(column + 2 - Width(NameOf(change)), ' ') << beside;
    std::cout << "\n";
    return;
  }
  if (!environments.empty()) std::cout << " (" << environments << ")";
  std::cout << "\n";
  for (const Value& line : summary) std::cout << Wrapped(Printable(line.AsString()), kHang) << "\n";
}

// As it would stand in a definition; long ones are cut, for the place says where to look.
std::string Shown(const Value& conflict, std::string_view name) {
  constexpr std::size_t kMost = 200;
  const Value* value = conflict.Find(name);
  if (value == nullptr || value->is_null()) return "(not there)";
  std::string text = ToJson(*value);
  if (text.size() <= kMost) return text;
  std::size_t end = kMost;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

// "/rules/0/when", RFC 6901. A name that is a number is taken for an index, so that its parent is what is found.
Path PathOf(std::string_view pointer) {
  Path path;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    std::string name(pointer.substr(0, pointer.find('/')));
    pointer.remove_prefix(name.size());
    for (const auto& [escaped, character] : {std::pair("~1", "/"), std::pair("~0", "~")}) {
      for (std::size_t at = 0; (at = name.find(escaped, at)) != std::string::npos; ++at) name.replace(at, 2, character);
    }
    const bool is_index = !name.empty() && name.size() < 7 && name.find_first_not_of("0123456789") == std::string::npos;
    path = is_index ? path.Index(static_cast<std::size_t>(std::stoul(name))) : path.Key(name);
  }
  return path;
}

}  // namespace

Value EncodeWorkspace(const Definitions& definitions) {
  const EntitySet& all = definitions.entities;
  return Object{{"project", EncodeProject(definitions.project)},
                {"flags", ListOf(all.flags, EncodeFlag)},
                {"segments", ListOf(all.segments, EncodeSegment)},
                {"metrics", ListOf(all.metrics, EncodeMetric)},
                {"layers", ListOf(all.layers, EncodeLayer)},
                {"holdouts", ListOf(all.holdouts, EncodeHoldout)},
                {"experiments", ListOf(all.experiments, EncodeExperiment)}};
}

std::optional<Workspace> ReadValidWorkspace(const std::string& folder, bool json, int& exit_code) {
  Result<Workspace> workspace = ReadWorkspace(folder);
  if (!workspace) {
    Complain(workspace.error(), json);
    exit_code = kUsage;
    return std::nullopt;
  }
  for (const PlacedIssue& placed : workspace->issues) std::cerr << Describe(placed, Err()) << "\n";
  if (!workspace->HasErrors()) return *std::move(workspace);
  Complain("the workspace is not valid; nothing was sent");
  if (json) {
    PrintJson(Object{{"code", Value("invalid")},
                     {"detail", Value("the workspace is not valid; nothing was sent")},
                     {"issues", ToValue(workspace->issues)}});
  }
  exit_code = kProblem;
  return std::nullopt;
}

Result<ApiAnswer> SendWorkspace(const Connection& connection, const Workspace& workspace,
                                const ChangeSetRequest& request) {
  Object body{{"workspace", EncodeWorkspace(workspace.definitions)}, {"prune", Value(request.prune)}};
  if (!request.comment.empty()) body.Append("comment", Value(request.comment));
  if (request.rulesets) body.Append("rulesets", true);
  return Ask(connection, "POST",
             ProjectPath(workspace.definitions.project.key) + "/apply" +
                 (request.dry_run ? "?dry_run=true" : request.emergency),
             Value(std::move(body)));
}

std::vector<Issue> IssuesOf(const ApiAnswer& answer) {
  std::vector<Issue> issues;
  for (const Value& value : ListIn(answer.body, "issues")) {
    Issue& issue = issues.emplace_back();
    issue.code = TextOf(value, "code");
    issue.entity = TextOf(value, "entity");
    issue.path = PathOf(TextOf(value, "pointer"));
    issue.message = TextOf(value, "message");
    issue.hint = TextOf(value, "hint");
    if (TextOf(value, "severity") == "warning") issue.severity = Severity::kWarning;
  }
  if (issues.empty()) issues.push_back({Severity::kError, "refused", {}, TextOf(answer.body, "detail"), "", ""});
  return issues;
}

Value ToValue(const EntityChange& change) {
  Array environments, summary, moved;
  for (const std::string& name : change.environments) environments.emplace_back(name);
  for (const std::string& line : change.summary) summary.emplace_back(line);
  for (const Move& move : change.moves) {
    moved.emplace_back(Object{{"environment", Value(move.environment)},
                              {"split", Value(move.split)},
                              {"share_parts", move.share_parts ? Value(*move.share_parts) : Value()}});
  }
  return Object{{"kind", Value(ToString(change.ref.kind))}, {"key", Value(change.ref.key)},
                {"action", Value(ToString(change.action))}, {"environments", Value(std::move(environments))},
                {"summary", Value(std::move(summary))},     {"moved", Value(std::move(moved))}};
}

std::size_t CountOfChanges(const Value& plan) {
  return ListIn(plan, "changes").size();
}

bool HasConflicts(const Value& plan) {
  return !ListIn(plan, "conflicts").empty();
}

void PrintChanges(const Value& plan) {
  constexpr std::size_t kWidestColumn = 36;
  std::size_t column = 0;
  for (const Value& change : ListIn(plan, "changes")) {
    if (Creates(change)) column = std::max(column, std::min(kWidestColumn, Width(NameOf(change))));
  }
  for (const Value& change : ListIn(plan, "changes")) {
    PrintChange(change, std::max(column, Width(NameOf(change))));
  }
}

void PrintWarnings(const Value& plan, const Workspace& workspace) {
  for (const Value& warning : ListIn(plan, "warnings")) {
    const std::string entity = ShownOf(warning, "entity"), message = ShownOf(warning, "message");
    const bool was_said = std::any_of(workspace.issues.begin(), workspace.issues.end(), [&](const PlacedIssue& placed) {
      return placed.issue.entity == entity && placed.issue.message == message;
    });
    if (was_said) continue;
    std::cerr << entity << "  " << Err().Yellow("warning") << "  " << message;
    if (const std::string hint = ShownOf(warning, "hint"); !hint.empty()) std::cerr << " (" << hint << ")";
    std::cerr << "\n";
  }
}

namespace {

bool ChangesProject(const Value& plan) {
  const Array& changes = ListIn(plan, "changes");
  return std::any_of(changes.begin(), changes.end(),
                     [](const Value& change) { return ShownOf(change, "kind") == "project"; });
}

}  // namespace

bool TakesRequest(const Value& plan) {
  return !ListIn(plan, "takes_approval").empty() && ListIn(plan, "lifts_protection").empty() && !ChangesProject(plan);
}

std::string WriteOptionsFor(const Value& plan) {
  if (TakesRequest(plan)) return " --request TITLE";
  const bool is_free = ListIn(plan, "takes_approval").empty() && ListIn(plan, "lifts_protection").empty();
  return is_free ? "" : " --emergency --reason TEXT";
}

void PrintProtection(const Value& plan) {
  const std::string lifted = Joined(plan, "lifts_protection"), guarded = Joined(plan, "takes_approval");
  std::string text;
  if (!lifted.empty()) {
    text = "This takes protection, or approvals, from " + lifted +
           ". It is done only as an emergency, by who has environments.override there, and the audit log says so.";
  } else if (!guarded.empty() && ChangesProject(plan)) {
    text = "This alters what is protected: " + guarded +
           ". Others have to approve that, by a change request, which cannot change the project itself. Apply the "
           "change of the project by itself first, or all of it as an emergency.";
  } else if (!guarded.empty()) {
    text = "This alters what is protected: " + guarded + ". Others have to approve it, by a change request.";
  }
  if (!text.empty()) std::cout << Wrapped(text, 0) << "\n";
}

void PrintConflicts(const Value& plan) {
  std::cout << Out().Red("conflict") << "  changed on the server since the last apply, and differently here:\n";
  for (const Value& conflict : ListIn(plan, "conflicts")) {
    const std::string path = ShownOf(conflict, "path");
    std::cout << "  " << Out().Red("!") << " " << ShownOf(conflict, "kind") << " "
              << Out().Bold(ShownOf(conflict, "key")) << (path.empty() ? "" : ": " + path) << "\n      last applied   "
              << Shown(conflict, "base") << "\n      on the server  " << Shown(conflict, "theirs")
              << "\n      in the files   " << Shown(conflict, "ours") << "\n";
  }
  std::cout
      << "Nothing was written. Take the server's value into the file, or give the server the file's; then again.\n";
}

std::string SummaryOf(const Value& plan) {
  std::size_t created = 0, gone = 0;
  const Array& changes = ListIn(plan, "changes");
  for (const Value& change : changes) {
    created += Creates(change) ? 1 : 0;
    gone += TakesAway(change) ? 1 : 0;
  }
  const std::size_t changed = changes.size() - created - gone;
  std::string text;
  const auto add = [&](std::size_t count, const char* what) {
    if (count > 0) text += (text.empty() ? "" : ", ") + std::to_string(count) + what;
  };
  add(created, " to create");
  add(changed, " to change");
  add(gone, " to archive");
  return text;
}

}  // namespace guidon::cli
