// guidon privacy export|erase: what the server holds of a unit, or of a member of the team. An export is asked for a
// page at a time, and each is written before the next one is asked for, so that it takes no more memory than one of
// them. An erasure is begun by the server and goes on whether or not somebody waits for it.
#include <iostream>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/base/json_record.h"

namespace guidon::cli {
namespace {

constexpr std::string_view kPath = "/api/v1/privacy/";

Object BodyOf(const PrivacyOptions& options) {
  if (!options.member.empty()) return Object{{"member", Value(options.member)}};
  Object body{{"unit", Value(options.unit)}, {"attribute", Value(options.attribute)}};
  if (!options.project.empty()) body.Append("project", Value(options.project));
  if (options.no_mentions) body.Append("mentions", false);
  return body;
}

int Export(const PrivacyOptions& options) {
  std::size_t count = 0;
  for (std::string cursor;;) {
    Object body = BodyOf(options);
    if (!cursor.empty()) body.Append("cursor", Value(cursor));
    const Result<ApiAnswer> answer =
        Ask(options.connection, "POST", std::string(kPath) + "export", Value(std::move(body)));
    if (!answer) return Explain(answer.error(), options.json);
    if (!answer->ok()) return Explain(*answer, options.json);
    for (const Value& finding : ListIn(answer->body, "findings")) {
      PrintJson(finding);
      ++count;
    }
    const Value* next = answer->body.Find("next");
    if (next == nullptr || next->AsString().empty()) break;
    cursor = next->AsString();
  }
  std::cerr << Plural(count, "finding");
  if (!options.project.empty()) std::cerr << " in project " << options.project << " alone";
  std::cerr << "\n";
  return kPass;
}

std::string CountText(const Value& state, std::string_view name) {
  const Value* counts = state.Find("counts");
  const Value* count = counts == nullptr ? nullptr : counts->Find(name);
  return std::to_string(count == nullptr ? 0 : count->AsInt());
}

void ShowChange(const Value& change, bool is_dry) {
  std::cout << "  project " << Text(change, "project") << ": " << Joined(ListIn(change, "definitions"));
  const Array& environments = ListIn(change, "environments");
  if (!environments.empty()) std::cout << "; other answers in " << Joined(environments);
  if (!is_dry) {
    std::cout << "; revision " << Text(change, "revision") << ", which " << Text(change, "holding") << " of "
              << Text(change, "processes") << " live processes hold";
  }
  std::cout << "\n";
}

void ShowCount(const Value& state, std::string_view words, std::string_view name) {
  std::cout << "  " << Padded(std::string(words) + ":", 19) << " " << CountText(state, name) << "\n";
}

void Show(const Value& state, bool is_member, bool is_dry) {
  if (const std::string project = Text(state, "project"); !project.empty())
    std::cout << Out().Yellow("in project " + project + " alone: what others hold is not looked at") << "\n";
  std::cout << (is_dry ? "would be erased:" : "erased:") << "\n";
  if (is_member) {
    ShowCount(state, "member, keys, …", "records");
  } else {
    ShowCount(state, "definitions", "definitions");
  }
  ShowCount(state, "requests, comments", "notes");
  ShowCount(state, "past versions", "past_versions");
  if (!is_member) {
    ShowCount(state, "events", "events");
    ShowCount(state, "mentions in events", "mentions");
    ShowCount(state, "facts of analysis", "facts");
  }
  ShowCount(state, "audit entries", "audit_entries");
  const Array &changes = ListIn(state, "changes"), &remains = ListIn(state, "remains"),
              &backups = ListIn(state, "backups");
  if (!changes.empty()) std::cout << (is_dry ? "would change:" : "changed:") << "\n";
  for (const Value& change : changes) ShowChange(change, is_dry);
  if (!remains.empty()) std::cout << Out().Yellow("still named, for you to change, and to erase again:") << "\n";
  for (const Value& place : remains) std::cout << "  " << Printable(place.AsString()) << "\n";
  if (const std::string more = Text(state, "remains_left_out"); !more.empty())
    std::cout << "  and " << more << " more\n";
  if (!backups.empty()) std::cout << Out().Yellow("backups that were made before, and may hold it:") << "\n";
  for (const Value& backup : backups) {
    std::cout << "  " << Text(backup, "name") << "  made " << Text(backup, "made") << "  " << Text(backup, "folder")
              << "\n";
  }
}

int Erase(const PrivacyOptions& options) {
  Object body = BodyOf(options);
  if (!options.yes) body.Append("dry_run", true);
  Result<ApiAnswer> answer = Ask(options.connection, "POST", std::string(kPath) + "erase", Value(std::move(body)));
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  const std::string path = std::string(kPath) + "erasures/" + Escape(Text(answer->body, "erasure"));
  answer = AskUntilDone(options.connection, path, *std::move(answer));
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  if (options.json) PrintJson(answer->body);
  if (Text(answer->body, "state") != "done") {
    Complain("the erasure did not come to its end: " + Text(answer->body, "detail"));
    return kProblem;
  }
  const bool is_clean = ListIn(answer->body, "remains").empty();
  if (!options.json) {
    Show(answer->body, !options.member.empty(), !options.yes);
    if (!options.yes) std::cerr << "Nothing was erased: --yes does it.\n";
    if (options.yes) std::cerr << "Logs, webhooks that were sent and files of definitions are yours to look through.\n";
  }
  return is_clean ? kPass : kProblem;
}

}  // namespace

int Privacy(const PrivacyOptions& options) {
  return options.action == "export" ? Export(options) : Erase(options);
}

}  // namespace guidon::cli
