// guidon stale: flags that could be removed, with what speaks for it.
#include "gate/stale.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <utility>

#include "cli/api_client.h"
#include "cli/code_refs.h"
#include "cli/output.h"
#include "cli/ruleset_source.h"
#include "cli/usage.h"
#include "cli/verbs.h"
#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/codec/codec.h"
#include "core/model/units.h"
#include "workspace/workspace.h"

namespace guidon::cli {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr std::size_t kMostAges = 500;        // flags whose history is asked for
constexpr std::size_t kMostHistoryPages = 5;  // of one
constexpr std::size_t kReadsShown = 3;        // in the table

std::optional<sys_days> DayOfTime(const std::string& time) {
  const std::optional<std::int64_t> ms = ParseTimestamp(time);
  if (!ms) return std::nullopt;
  return gate::DayOf(*ms);
}

std::string At(const refs::Reference& reference) {
  return reference.file + ":" + std::to_string(reference.line) + ":" + std::to_string(reference.column);
}

// A word of a shell's command line.
std::string Quoted(const std::string& word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./,:=+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == word.npos) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// Between backticks, of which it then has none.
std::string Span(const std::string& text) {
  std::string span = Printable(text);
  std::replace(span.begin(), span.end(), '`', '\'');
  return "`" + span + "`";
}

class Stale {
 public:
  Stale(const StaleOptions& options, std::int64_t now_ms) : options_(options), today_(gate::DayOf(now_ms)) {}

  int Run() {
    for (std::optional<int> (Stale::*step)() :
         {&Stale::TakeDefinitions, &Stale::TakeCode, &Stale::TakeCounts, &Stale::TakeAges}) {
      if (const std::optional<int> stop = (this->*step)()) return *stop;
    }
    const std::vector<gate::Candidate> found = gate::FindStale(Input());
    if (!options_.issue_body.empty()) return SayIssue(found);
    if (options_.json) {
      SayJson(found);
    } else {
      SayTable(found);
    }
    return options_.check && !found.empty() ? kProblem : kPass;
  }

 private:
  gate::StaleInput Input() const {
    return {definitions_, today_, days(options_.days), options_.least, code_ ? &code_->references : nullptr,
            usage_,       ages_};
  }

  std::optional<int> Refuse(const Error& error) const { return Explain(error, options_.json); }
  std::optional<int> NotLooked(std::string what, std::string why) {
    not_looked_.emplace_back(std::move(what), std::move(why));
    return std::nullopt;
  }

  // ---- What is looked at -------------------------------------------------------------------------------------------

  std::optional<int> TakeDefinitions() {
    if (!options_.workspace.empty()) {
      Result<Workspace> workspace = ReadValidFiles(options_.workspace, {.today = today_});
      if (!workspace) return Refuse(workspace.error());
      definitions_ = workspace->definitions;
      origins_ = workspace->origins;
      folder_ = workspace->folder;
      project_ = options_.project.empty() ? definitions_.project.key : options_.project;
      return FlagIsThere();
    }
    const Result<std::string> project = ResolveProject(options_.connection, options_.project);
    if (!project) return Refuse(project.error());
    project_ = *project;
    const Result<ApiAnswer> held = Ask(options_.connection, "GET", ProjectPath(project_));
    if (!held) return Refuse(held.error());
    if (!held->ok()) return Explain(*held, options_.json);
    Result<Project> decoded = DecodeProject(held->body, Strictness::kTolerant);
    if (!decoded) return Refuse(decoded.error());
    definitions_.project = *std::move(decoded);
    constexpr std::pair<EntityKind, const char*> kKinds[] = {
        {EntityKind::kFlag, "flags"}, {EntityKind::kSegment, "segments"}, {EntityKind::kExperiment, "experiments"}};
    for (const auto& [kind, list] : kKinds) {
      const Result<ApiAnswer> answer = Ask(options_.connection, "GET", ProjectPath(project_) + "/" + list);
      if (!answer) return Refuse(answer.error());
      if (!answer->ok()) return Explain(*answer, options_.json);
      for (const Value& entity : ListIn(answer->body, list)) {
        const Value* one = entity.Find("definition");
        if (one == nullptr) return Refuse({ErrorCode::kInvalid, "the server's answer has no definition", {}});
        Result<EntityRecord> record = DecodeEntity(kind, *one, Strictness::kTolerant);
        if (!record) return Refuse(record.error());
        definitions_.entities.Append(*std::move(record));
      }
    }
    return FlagIsThere();
  }

  std::optional<int> FlagIsThere() const {
    if (options_.issue_body.empty() || definitions_.entities.FindFlag(options_.issue_body) != nullptr) {
      return std::nullopt;
    }
    std::vector<std::string> keys;
    for (const FlagRecord& record : definitions_.entities.flags) keys.push_back(record.definition.key);
    const std::string hint = DidYouMean(options_.issue_body, keys);
    return Refuse({ErrorCode::kNotFound,
                   "there is no flag '" + options_.issue_body + "'" + (hint.empty() ? "" : " (" + hint + ")"),
                   {}});
  }

  std::optional<int> TakeCode() {
    if (options_.code.empty()) return NotLooked("code", "no --code was given");
    std::string config = options_.code_config;
    std::error_code error;
    const std::string beside = folder_ + "/refs.yaml";
    if (config.empty() && !folder_.empty() && std::filesystem::exists(beside, error)) config = beside;
    Result<refs::Scan> scan = ScanCode(options_.code, config);
    if (!scan) return Refuse(scan.error());
    if (const std::string none = NoCodeIn(options_.code, *scan); !none.empty()) return NotLooked("code", none);
    code_ = *std::move(scan);
    return std::nullopt;
  }

  // Those of each environment; one without any is named.
  std::optional<int> TakeCounts() {
    if (options_.offline) return NotLooked("evaluations", "--offline was given");
    const sys_days from = today_ - days(options_.days - 1);
    for (const EnvironmentDefinition& environment : definitions_.project.environments) {
      Result<gate::Usage> asked = AskUsage(options_.connection, project_, environment.key, days(options_.days));
      if (!asked && asked.error().code != ErrorCode::kNotFound) return Refuse(asked.error());
      if (!asked || !asked->since) {
        NotLooked("evaluations in " + environment.key, "none have been counted there");
        continue;
      }
      if (*asked->since > from) {
        NotLooked("evaluations in " + environment.key, "they are counted since " + FormatDay(*asked->since) + " only");
      }
      usage_[environment.key] = *std::move(asked);
    }
    return std::nullopt;
  }

  // Of those that may be candidates: the others' would not be shown.
  std::optional<int> TakeAges() {
    if (options_.offline) return NotLooked("history", "--offline was given");
    const std::vector<gate::Candidate> found = gate::FindStale(Input());
    std::map<std::string, gate::FlagAge> ages;
    for (const gate::Candidate& candidate : found) {
      if (ages.size() == kMostAges) {
        NotLooked("history of some", "there are more than " + std::to_string(kMostAges) + " candidates");
        break;
      }
      const Result<std::optional<gate::FlagAge>> age = AgeOf(candidate.flag->key);
      if (!age) return Refuse(age.error());
      if (*age) ages.emplace(candidate.flag->key, **age);
    }
    ages_ = std::move(ages);
    return std::nullopt;
  }

  // Nothing: it is not there, as a flag of the files that was never applied.
  Result<std::optional<gate::FlagAge>> AgeOf(const std::string& flag) const {
    gate::FlagAge age;
    std::string cursor;
    for (std::size_t page = 0; page < kMostHistoryPages; ++page) {
      const Result<ApiAnswer> answer = Ask(
          options_.connection, "GET", ProjectPath(project_) + "/flags/" + Escape(flag) + "/history?limit=100" + cursor);
      if (!answer) return Fail(answer.error());
      if (answer->status == 404) return std::optional<gate::FlagAge>();
      if (!answer->ok())
        return Fail(ErrorCode::kUnavailable,
                    "the history of flag '" + flag + "': the server answers " + std::to_string(answer->status));
      const Array& changes = ListIn(answer->body, "changes");
      if (!age.changed && !changes.empty()) age.changed = DayOfTime(TextOf(changes.front(), "time"));
      const Value *next = answer->body.Find("next"), *complete = answer->body.Find("complete");
      if (next != nullptr) {
        cursor = "&cursor=" + ToJson(*next);
        continue;
      }
      if (complete != nullptr && complete->AsBool() && !changes.empty()) {
        age.created = DayOfTime(TextOf(changes.back(), "time"));
      }
      break;
    }
    return std::optional<gate::FlagAge>(age);
  }

  // ---- What is said ------------------------------------------------------------------------------------------------

  static std::string AboutOf(const gate::Candidate& candidate) {
    const FlagDefinition& flag = *candidate.flag;
    std::string text = flag.archived ? "archived" : std::string(ToString(flag.kind));
    text += flag.owner.empty() ? ", nobody's" : ", of " + flag.owner;
    if (candidate.age.created) text += ", made " + FormatDay(*candidate.age.created);
    if (candidate.age.changed && candidate.age.changed != candidate.age.created) {
      text += ", changed " + FormatDay(*candidate.age.changed);
    }
    return text;
  }

  std::string ReadsOf(const gate::Candidate& candidate) const {
    std::string text = "read at ";
    for (std::size_t i = 0; i < std::min(candidate.reads.size(), kReadsShown); ++i) {
      text += (i == 0 ? "" : ", ") + At(*candidate.reads[i]);
    }
    const std::size_t more = candidate.reads.size() - std::min(candidate.reads.size(), kReadsShown);
    return more == 0 ? text : text + " and in " + Plural(more, "more place");
  }

  void SayTable(const std::vector<gate::Candidate>& found) const {
    constexpr std::size_t kIndent = 8;
    std::size_t width = 0;
    for (const gate::Candidate& candidate : found) width = std::max(width, Width(candidate.flag->key));
    width = std::min<std::size_t>(width, 30);
    for (const gate::Candidate& candidate : found) {
      const std::string word = Padded(std::string(ToString(candidate.strength)), 6);
      const bool is_strong = candidate.strength == gate::Strength::kStrong;
      const std::string head = Padded(Printable(candidate.flag->key), width) + "  ";
      const std::string about = Printable(AboutOf(candidate));
      std::cout << (is_strong ? Out().Yellow(word) : word) << "  " << Out().Bold(head);
      if (kIndent + Width(head) + Width(about) <= LineWidth()) {
        std::cout << about << "\n";
      } else {
        std::cout << "\n" << Wrapped(about, kIndent) << "\n";
      }
      for (const gate::Evidence& evidence : candidate.evidence) {
        std::cout << Wrapped(Printable(evidence.sentence), kIndent) << "\n";
      }
      if (!candidate.reads.empty()) std::cout << Wrapped(Printable(ReadsOf(candidate)), kIndent) << "\n";
      for (const std::string& other : candidate.needed_by) {
        std::cout << Wrapped(Printable(other) + " looks at it, and has to change first", kIndent) << "\n";
      }
    }
    for (const auto& [what, why] : not_looked_) {
      std::cout << Wrapped(Printable("not looked at: " + what + ", as " + why), 0) << "\n";
    }
    const std::size_t all = definitions_.entities.flags.size();
    if (found.empty()) {
      std::cout << "nothing speaks for removing any of " << Plural(all, "flag") << "\n";
    } else {
      std::cout << found.size() << " of " << Plural(all, "flag") << " could be removed; "
                << "`guidon stale --issue-body FLAG` says how\n";
    }
  }

  void SayJson(const std::vector<gate::Candidate>& found) const {
    Array candidates, not_looked;
    for (const gate::Candidate& candidate : found) {
      const FlagDefinition& flag = *candidate.flag;
      Object one{{"flag", Value(flag.key)},
                 {"strength", Value(ToString(candidate.strength))},
                 {"kind", Value(ToString(flag.kind))},
                 {"archived", Value(flag.archived)}};
      if (!flag.owner.empty()) one.Append("owner", Value(flag.owner));
      const auto append_day = [&](std::string_view name, const std::optional<sys_days>& day) {
        if (day) one.Append(name, Value(FormatDay(*day)));
      };
      append_day("expires", flag.expires);
      append_day("created", candidate.age.created);
      append_day("changed", candidate.age.changed);
      Array evidence, reads;
      for (const gate::Evidence& reason : candidate.evidence) {
        evidence.emplace_back(Object{{"kind", Value(ToString(reason.kind))}, {"sentence", Value(reason.sentence)}});
      }
      one.Append("evidence", Value(std::move(evidence)));
      if (candidate.survives != nullptr) {
        one.Append("survives",
                   Object{{"variation", Value(candidate.survives->name)}, {"value", candidate.survives->value}});
      }
      for (const refs::Reference* read : candidate.reads) {
        reads.emplace_back(
            Object{{"file", Value(read->file)}, {"line", Value(read->line)}, {"column", Value(read->column)}});
      }
      if (code_) one.Append("reads", Value(std::move(reads)));
      if (!candidate.needed_by.empty()) one.Append("needed_by", Value(TextsOf(candidate.needed_by)));
      candidates.emplace_back(std::move(one));
    }
    for (const auto& [what, why] : not_looked_) {
      not_looked.emplace_back(Object{{"what", Value(what)}, {"reason", Value(why)}});
    }
    PrintJson(Object{{"project", Value(project_)},
                     {"day", Value(FormatDay(today_))},
                     {"days", Value(options_.days)},
                     {"flags", Value(definitions_.entities.flags.size())},
                     {"candidates", Value(std::move(candidates))},
                     {"not_looked_at", Value(std::move(not_looked))}});
  }

  std::string RemoveCommand(const gate::Candidate& candidate) const {
    std::string command = "guidon remove " + candidate.flag->key;
    for (const std::string& source : options_.code) command += " --code " + Quoted(source);
    if (options_.code.empty()) command += " --code SRC";
    // The name of a variation says its value only where the flag is defined; of an archived one the server tells none.
    const bool is_defined = !folder_.empty() || !candidate.flag->archived;
    command += " --keep ";
    if (candidate.survives != nullptr) {
      command += Quoted(candidate.survives->name);
    } else {
      command += is_defined ? "VARIATION" : "VALUE";
    }
    if (!folder_.empty()) {
      command += " --workspace " + Quoted(options_.workspace);
    } else if (is_defined && !definitions_.project.environments.empty()) {
      command +=
          " --project " + Quoted(project_) + " --environment " + Quoted(definitions_.project.environments.front().key);
    }
    if (!options_.code_config.empty()) command += " --config " + Quoted(options_.code_config);
    return command;
  }

  int SayIssue(const std::vector<gate::Candidate>& found) const {
    const auto of_it = std::find_if(found.begin(), found.end(), [&](const gate::Candidate& candidate) {
      return candidate.flag->key == options_.issue_body;
    });
    if (of_it == found.end()) {
      Complain(
          {ErrorCode::kConflict, "nothing that was looked at speaks for removing '" + options_.issue_body + "'", {}},
          options_.json);
      return kProblem;
    }
    const std::string body = IssueOf(*of_it);
    if (options_.json) {
      PrintJson(Object{{"flag", Value(options_.issue_body)}, {"body", Value(body)}});
    } else {
      std::cout << body;
    }
    return kPass;
  }

  std::string IssueOf(const gate::Candidate& candidate) const {
    const FlagDefinition& flag = *candidate.flag;
    std::string text = "# Remove the flag `" + flag.key + "`\n\n";
    text += "It is " + std::string(flag.archived ? "archived" : "a " + std::string(ToString(flag.kind)) + " flag");
    text += flag.owner.empty() ? ", and nobody owns it" : ", owned by " + Span(flag.owner);
    if (candidate.age.created) text += ", made on " + FormatDay(*candidate.age.created);
    text += ".\n\n## What speaks for it\n\nAs of " + FormatDay(today_) + ":\n\n";
    for (const gate::Evidence& evidence : candidate.evidence) text += "- " + Printable(evidence.sentence) + "\n";
    if (!not_looked_.empty()) {
      text += "\nNot looked at:\n\n";
      for (const auto& [what, why] : not_looked_) text += "- " + Printable(what) + ", as " + Printable(why) + "\n";
    }
    text += "\n## What stays\n\n";
    if (candidate.survives != nullptr) {
      text += "The variation " + Span(candidate.survives->name) + ", " + Span(ToJson(candidate.survives->value)) +
              ": put it where the flag is read, and drop the other branches.\n";
    } else {
      text += "Nobody can say from this: whoever knows the feature decides which variation stays.\n";
    }
    text += "\n## Where it is read\n\n";
    if (!code_) {
      text += "No code was looked at.\n";
    } else if (candidate.reads.empty()) {
      text += "Nowhere in the code that was looked at.\n";
    }
    for (const refs::Reference* read : candidate.reads) {
      text += "- " + Span(read->file + ":" + std::to_string(read->line)) + " " + Span(read->by);
      if (read->fallback) text += ", falls back to " + Span(ToJson(*read->fallback));
      text += "\n";
    }
    if (!candidate.needed_by.empty()) {
      text += "\nThese look at it, and have to change first:\n\n";
      for (const std::string& other : candidate.needed_by) text += "- " + Span(other) + "\n";
    }
    text += "\n## How\n\n1. " + Span(RemoveCommand(candidate)) + " shows what it would change.\n";
    text += "2. Release that everywhere.\n3. ";
    const auto origin = origins_.find({EntityKind::kFlag, flag.key});
    text += flag.archived ? "Delete the definition" : "Archive the flag, and later delete the definition";
    if (origin != origins_.end()) text += " in " + Span(folder_ + "/" + origin->second.file);
    return text + ".\n";
  }

  const StaleOptions& options_;
  const sys_days today_;
  std::string project_, folder_;  // the workspace's; empty: none
  Definitions definitions_;
  std::map<EntityRef, Origin> origins_;
  std::optional<refs::Scan> code_;
  std::map<std::string, gate::Usage> usage_;
  std::map<std::string, gate::FlagAge> ages_;
  std::vector<std::pair<std::string, std::string>> not_looked_;
};

}  // namespace

int FindStaleFlags(const StaleOptions& options) {
  const std::optional<std::int64_t> now_ms = TimeOf(options.now);
  if (!now_ms) return Explain({ErrorCode::kInvalid, "--now is no time such as 2027-03-31T08:00:00Z", {}}, options.json);
  return Stale(options, *now_ms).Run();
}

}  // namespace guidon::cli
