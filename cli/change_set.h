// What plan and apply have in common: a workspace sent as one change set, and the answer in words.
//
// Thread safety: one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/api_client.h"
#include "cli/verbs.h"
#include "core/diff/diff.h"
#include "workspace/workspace.h"

namespace guidon::cli {

// A valid workspace, with its warnings said; otherwise what is wrong is said, and `exit_code` is set.
std::optional<Workspace> ReadValidWorkspace(const std::string& folder, bool json, int& exit_code);

struct ChangeSetRequest {
  bool dry_run = false;
  bool prune = false;
  bool rulesets = false;  // of a dry run: with every environment's ruleset before and after
  std::string comment;
  std::string emergency = {};  // EmergencyQuery() of a write
};
Value EncodeWorkspace(const Definitions& definitions);  // as POST …/apply takes it
Result<ApiAnswer> SendWorkspace(const Connection& connection, const Workspace& workspace,
                                const ChangeSetRequest& request);

// Why a server refuses a change (422).
std::vector<Issue> IssuesOf(const ApiAnswer& answer);

// A change as the server's plan says it.
Value ToValue(const EntityChange& change);

std::size_t CountOfChanges(const Value& plan);
bool HasConflicts(const Value& plan);

// "  ~ flag checkout.layout (production)", and below it what alters and who moves.
void PrintChanges(const Value& plan);
// What the server warns of and the files alone did not show; on standard error.
void PrintWarnings(const Value& plan, const Workspace& workspace);
// That it alters what is protected, or takes protection away, if so.
void PrintProtection(const Value& plan);
// Whether a change request can do it, and nothing else but an emergency.
bool TakesRequest(const Value& plan);
// What a write of it takes for that: " --request TITLE", " --emergency --reason TEXT", or "".
std::string WriteOptionsFor(const Value& plan);
// Each place that was changed on both sides, with all three values.
void PrintConflicts(const Value& plan);
// "1 to create, 2 to change, 1 to archive"
std::string SummaryOf(const Value& plan);

}  // namespace guidon::cli
