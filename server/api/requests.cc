#include "server/api/requests.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/codec/codec.h"
#include "core/codec/wire.h"
#include "core/model/units.h"
#include "server/api/permits.h"
#include "server/api/problem.h"
#include "server/ingest/batch.h"

namespace guidon {
namespace {

constexpr std::size_t kMaxIdempotencyKeyBytes = 128;
constexpr std::size_t kMaxCommentBytes = 4096;
constexpr std::string_view kGzip = "gzip";

bool IsPlain(std::string_view encoding) {
  return encoding.empty() || encoding == "identity";
}

std::string Sha256(std::string_view a, std::string_view b, std::string_view c) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  unsigned int size = 0;
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestInit_ex(context, EVP_sha256(), nullptr);
  for (std::string_view part : {a, b, c}) {
    EVP_DigestUpdate(context, part.data(), part.size());
    EVP_DigestUpdate(context, "\0", 1);
  }
  EVP_DigestFinal_ex(context, hash.data(), &size);
  EVP_MD_CTX_free(context);
  return std::string(reinterpret_cast<const char*>(hash.data()), size);
}

std::optional<Revision> ParseRevision(std::string_view text) {
  Revision revision = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), revision);
  if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return revision;
}

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

Issue Fault(std::string_view code, Path path, std::string message, std::string hint = "") {
  return {Severity::kError, std::string(code), std::move(path), std::move(message), std::move(hint), ""};
}

// Issues for members of `object` that are not in `known`.
void CheckNames(const Value& value, const Path& path, const std::vector<std::string>& known,
                std::vector<Issue>& issues) {
  for (const Member& member : value.AsObject()) {
    if (std::find(known.begin(), known.end(), member.name) == known.end()) {
      issues.push_back(Fault("unknown_key", path.Key(member.name), "unknown key '" + member.name + "'",
                             DidYouMean(member.name, known)));
    }
  }
}

std::string ReadComment(const Value& body, std::vector<Issue>& issues) {
  const Value* comment = body.Find("comment");
  if (comment == nullptr) return "";
  if (!comment->is_string() || comment->AsString().size() > kMaxCommentBytes) {
    issues.push_back(Fault("wrong_type", Path().Key("comment"),
                           "a comment is text of at most " + std::to_string(kMaxCommentBytes) + " bytes"));
    return "";
  }
  return comment->AsString();
}

std::optional<Edit> ReadEdit(const Value& value, const Path& path, std::vector<Issue>& issues) {
  CheckNames(value, path, {"kind", "key", "action", "definition", "if_match"}, issues);
  Edit edit;
  const Value* kind_word = value.Find("kind");
  const auto kind = kind_word == nullptr ? std::nullopt : EntityKindFromString(kind_word->AsString());
  if (!kind) {
    issues.push_back(
        Fault("wrong_value", path.Key("kind"), "expected one of flag, segment, layer, holdout, experiment, metric"));
    return std::nullopt;
  }
  const Value* key = value.Find("key");
  if (key == nullptr || !key->is_string()) {
    issues.push_back(Fault("missing_key", path.Key("key"), "the entity's key is missing"));
    return std::nullopt;
  }
  edit.ref = {*kind, key->AsString()};
  const Value* action = value.Find("action");
  const std::string word = action == nullptr ? "put" : action->AsString();
  if (word == "delete") {
    edit.action = Edit::Action::kDelete;
  } else if (word == "patch") {
    edit.action = Edit::Action::kPatch;
  } else if (word != "put") {
    issues.push_back(Fault("wrong_value", path.Key("action"), "expected put, patch or delete"));
    return std::nullopt;
  }
  const Value* definition = value.Find("definition");
  if ((definition == nullptr) != (edit.action == Edit::Action::kDelete)) {
    issues.push_back(Fault("missing_key", path.Key("definition"),
                           definition == nullptr ? "the definition is missing" : "a deletion has no definition"));
    return std::nullopt;
  }
  if (definition != nullptr) edit.definition = *definition;
  if (const Value* if_match = value.Find("if_match")) {
    if (!if_match->is_int() || if_match->AsInt() < 0) {
      issues.push_back(Fault("wrong_type", path.Key("if_match"), "expected a revision, a whole number"));
      return std::nullopt;
    }
    edit.condition.if_match = static_cast<Revision>(if_match->AsInt());
  }
  return edit;
}

struct WorkspaceList {
  std::string_view name;
  EntityKind kind;
};
constexpr std::array<WorkspaceList, 6> kWorkspaceLists = {{{"flags", EntityKind::kFlag},
                                                           {"segments", EntityKind::kSegment},
                                                           {"metrics", EntityKind::kMetric},
                                                           {"layers", EntityKind::kLayer},
                                                           {"holdouts", EntityKind::kHoldout},
                                                           {"experiments", EntityKind::kExperiment}}};

// A ruleset document within another one. Reading and writing it again gives the same bytes, so its digest holds.
Value DocumentOf(const std::optional<Snapshot>& snapshot) {
  if (!snapshot) return {};
  Result<Value> document = ParseJson(EncodeSnapshot(*snapshot));
  return document ? *std::move(document) : Value();
}

// Issues of a definition, moved to where it stands in the body.
void AppendIssues(const Error& error, const Path& path, std::vector<Issue>& issues) {
  for (Issue issue : error.issues) {
    if (!issue.entity.empty()) {  // which says where to look: the path is within it
      issues.push_back(std::move(issue));
      continue;
    }
    Path moved = path;
    for (const Path::Step& step : issue.path.steps()) {
      moved = std::holds_alternative<std::size_t>(step) ? moved.Index(std::get<std::size_t>(step))
                                                        : moved.Key(std::get<std::string>(step));
    }
    issue.path = std::move(moved);
    issues.push_back(std::move(issue));
  }
  if (error.issues.empty()) issues.push_back(Fault("invalid", path, error.message));
}

}  // namespace

Result<Value> ReadJson(const http::Request& request) {
  if (request.body.empty()) return Fail(ErrorCode::kInvalid, "the request has no body; JSON is expected");
  return ParseJson(request.body);
}

Result<std::string> ReadPacked(const http::Request& request, std::size_t most) {
  const std::string_view encoding = request.Header("Content-Encoding");
  if (IsPlain(encoding)) return request.body;
  if (encoding == kGzip) return Gunzip(request.body, most);
  return Fail(ErrorCode::kInvalid, "the only Content-Encoding understood here is gzip");
}

http::Response PackedProblem(const http::Request& request, const Error& error) {
  const std::string_view encoding = request.Header("Content-Encoding");
  const bool is_known = IsPlain(encoding) || encoding == kGzip;
  return is_known ? BadRequest(request, error) : ProblemResponse(415, error, request.id);
}

http::Response BadRequest(const http::Request& request, const Error& error) {
  return ProblemResponse(error.code == ErrorCode::kInvalid ? 400 : StatusOf(error.code), error, request.id);
}

Result<Preconditions> ReadPreconditions(const http::Request& request) {
  // Both are repeated in problem documents, and the key is stored: HTTP would let bytes through that are no text.
  for (const std::string_view name : {"If-Match", "Idempotency-Key"}) {
    if (!IsPrintable(request.Header(name))) {
      return Fail(ErrorCode::kInvalid, std::string(name) + " has characters other than the printable ones of ASCII");
    }
  }
  Preconditions conditions;
  std::string_view if_match = request.Header("If-Match");
  conditions.condition.must_exist = if_match == "*";
  if (!if_match.empty() && if_match != "*") {
    if (if_match.size() >= 2 && if_match.front() == '"' && if_match.back() == '"') {
      if_match = if_match.substr(1, if_match.size() - 2);
    }
    conditions.condition.if_match = ParseRevision(if_match);
    if (!conditions.condition.if_match) {
      return Fail(ErrorCode::kInvalid, "If-Match is '" + std::string(if_match) +
                                           "'; send the revision that you have "
                                           "seen, as the ETag gave it");
    }
  }
  const std::string_view if_none_match = request.Header("If-None-Match");
  if (!if_none_match.empty() && if_none_match != "*") {
    return Fail(ErrorCode::kInvalid, "If-None-Match of a change can only be '*': create, never replace");
  }
  conditions.condition.must_be_new = if_none_match == "*";
  const std::string_view key = request.Header("Idempotency-Key");
  if (key.size() > kMaxIdempotencyKeyBytes) {
    return Fail(ErrorCode::kInvalid,
                "Idempotency-Key is longer than " + std::to_string(kMaxIdempotencyKeyBytes) + " bytes");
  }
  if (!key.empty()) {
    conditions.idempotency = IdempotencyKey{std::string(key), Sha256(request.method, request.target, request.body)};
  }
  return conditions;
}

Result<Preconditions> ReadIdempotencyOnly(const http::Request& request) {
  for (const std::string_view name : {"If-Match", "If-None-Match"}) {
    if (request.Header(name).empty()) continue;
    return Fail(ErrorCode::kInvalid, std::string(name) + " cannot be said of many changes at once; " +
                                         "a change of POST …/changes can have an if_match of its own");
  }
  return ReadPreconditions(request);
}

http::Response ChangeProblem(const http::Request& request, const Preconditions& conditions, const Error& error) {
  const bool unmet = error.code == ErrorCode::kAlreadyExists && conditions.condition.must_be_new;
  return ProblemResponse(unmet ? 412 : StatusOf(error.code), error, request.id);
}

http::Response MissingProblem(const http::Request& request, const Preconditions& conditions, const Error& not_found) {
  if (!conditions.condition.if_match && !conditions.condition.must_exist) return ProblemResponse(not_found, request.id);
  return ProblemResponse({ErrorCode::kStale, not_found.message + " (any more)", {}}, request.id);
}

http::Response Tagged(http::Response response, Revision revision) {
  response.Header("ETag", "\"" + std::to_string(revision) + "\"");
  return response;
}

Error GoneScope(const Principal& who) {
  return {ErrorCode::kNotFound,
          "there is no environment '" + who.environment + "' of project '" + who.project + "' (any more)",
          {}};
}

Result<std::uint64_t> ReadNumber(const http::Request& request, std::string_view name, std::uint64_t otherwise,
                                 std::uint64_t least, std::uint64_t most) {
  const std::string_view text = request.Query(name);
  if (text.empty()) return otherwise;
  const std::optional<Revision> number = ParseRevision(text);
  if (number && least <= *number && *number <= most) return *number;
  return Fail(ErrorCode::kInvalid, std::string(name) + " is '" + std::string(text) +
                                       "'; expected a whole number from " + std::to_string(least) + " to " +
                                       std::to_string(most));
}

Result<std::optional<Revision>> ReadRevision(const http::Request& request) {
  const std::string_view text = request.Query("revision");
  if (text.empty()) return std::nullopt;
  const std::optional<Revision> revision = ParseRevision(text);
  if (!revision || *revision == 0) {
    return Fail(ErrorCode::kInvalid, "revision is '" + std::string(text) + "'; expected a whole number from 1");
  }
  return revision;
}

Result<std::optional<Timestamp>> ReadAt(const http::Request& request) {
  const std::string_view text = request.Query("at");
  if (text.empty()) return std::nullopt;
  const std::optional<std::int64_t> time = ParseTimestamp(text);
  if (!time) {
    return Fail(ErrorCode::kInvalid, "at is '" + std::string(text) + "'; expected a time such as 2027-03-31T08:00:00Z");
  }
  return std::optional(Timestamp(std::chrono::milliseconds(*time)));
}

Result<bool> ReadSwitch(const http::Request& request, std::string_view name) {
  const bool given = std::any_of(request.query.begin(), request.query.end(),
                                 [&](const auto& parameter) { return parameter.first == name; });
  const std::string_view text = request.Query(name);
  if (!given || text == "false") return false;
  if (text == "true") return true;
  return Fail(ErrorCode::kInvalid, std::string(name) + " is '" + std::string(text) + "'; expected true or false");
}

Result<std::string> ReadEmergency(const http::Request& request) {
  const bool given = std::any_of(request.query.begin(), request.query.end(),
                                 [](const auto& parameter) { return parameter.first == "emergency"; });
  const std::string_view reason = request.Query("emergency");
  if (!given || (!reason.empty() && reason.size() <= kMaxEmergencyBytes && IsValidUtf8(reason))) {
    return std::string(reason);
  }
  return Fail(ErrorCode::kInvalid, "emergency says why it cannot wait for approvals: text of 1 to " +
                                       std::to_string(kMaxEmergencyBytes) + " bytes");
}

bool IsPassedOn(const http::Request& request) {
  for (const std::string_view name : {"X-Forwarded-For", "Forwarded", "X-Real-IP"}) {
    if (!request.Header(name).empty()) return true;
  }
  return false;
}

Author AuthorOf(const Call& call) {
  return {call.who.id, std::string(call.request.id), "", call.request.peer};
}

Status ReadRampMove(const Value& body, RampRequest& request) {
  std::vector<Issue> issues;
  if (!body.is_object()) return Fail(ErrorCode::kInvalid, "expected an object with 'action'");
  CheckNames(body, Path(), {"action", "comment"}, issues);
  request.author.comment = ReadComment(body, issues);
  const Value* action = body.Find("action");
  const auto move = action == nullptr ? std::nullopt : RampMoveFromString(action->AsString());
  if (move && *move != RampMove::kStep) {
    request.move = *move;
  } else {
    issues.push_back(Fault(action == nullptr ? "missing_key" : "wrong_value", Path().Key("action"),
                           "expected pause, resume, abort or finish", "the steps themselves are taken by the server"));
  }
  if (HasErrors(issues)) return Fail(InvalidError("the ramp cannot be moved", std::move(issues)));
  return {};
}

namespace {

void ReadStart(const Value& body, ExperimentOrder& order, std::vector<Issue>& issues) {
  if (const Value* at = body.Find("at")) {
    order.move = ExperimentMove::kSchedule;
    order.at_ms = ParseTimestamp(at->AsString());
    if (!order.at_ms) {
      issues.push_back(Fault("wrong_value", Path().Key("at"), "expected a time such as 2027-03-31T08:00:00Z"));
    }
  }
  if (const Value* assignments = body.Find("assignments")) {
    order.keeps_assignments = assignments->AsString() == "keep";
    if (!order.keeps_assignments && assignments->AsString() != "fresh") {
      issues.push_back(Fault("wrong_value", Path().Key("assignments"), "expected fresh or keep"));
    }
  }
}

void ReadConclusion(const Value& body, ExperimentOrder& order, std::vector<Issue>& issues) {
  const Value* winner = body.Find("winner");
  if (winner == nullptr || !(winner->is_null() || (winner->is_string() && !winner->AsString().empty()))) {
    issues.push_back(Fault(winner == nullptr ? "missing_key" : "wrong_type", Path().Key("winner"),
                           "expected the variant that is shipped, or null: nobody has won"));
  } else {
    order.winner = winner->AsString();
  }
  const Value* decision = body.Find("decision");
  if (decision == nullptr) return;
  if (!decision->is_string() || decision->AsString().size() > kMaxCommentBytes) {
    issues.push_back(Fault("wrong_type", Path().Key("decision"),
                           "a decision is text of at most " + std::to_string(kMaxCommentBytes) + " bytes"));
  }
  order.decision = decision->AsString();
}

}  // namespace

Status ReadExperimentOrder(const Value& body, ExperimentMove move, ExperimentRequest& into) {
  if (!body.is_object()) return Fail(ErrorCode::kInvalid, "expected an object");
  std::vector<Issue> issues;
  std::vector<std::string> known = {"comment"};
  if (move == ExperimentMove::kStart) known.insert(known.end(), {"at", "assignments"});
  if (move == ExperimentMove::kConclude) known.insert(known.end(), {"winner", "decision"});
  CheckNames(body, Path(), known, issues);
  into.author.comment = ReadComment(body, issues);
  ExperimentOrder order;
  order.move = move;
  if (move == ExperimentMove::kStart) ReadStart(body, order, issues);
  if (move == ExperimentMove::kConclude) ReadConclusion(body, order, issues);
  if (HasErrors(issues)) return Fail(InvalidError("the experiment cannot be moved", std::move(issues)));
  into.order = std::move(order);
  return {};
}

Status ReadExperimentRampMove(const Value& body, ExperimentRequest& into) {
  if (!body.is_object()) return Fail(ErrorCode::kInvalid, "expected an object");
  std::vector<Issue> issues;
  CheckNames(body, Path(), {"action", "comment"}, issues);
  into.author.comment = ReadComment(body, issues);
  const Value* action = body.Find("action");
  into.ramp = action == nullptr ? std::nullopt : RampMoveFromString(action->AsString());
  if (!into.ramp || *into.ramp == RampMove::kAbort) {
    issues.push_back(Fault(action == nullptr ? "missing_key" : "wrong_value", Path().Key("action"),
                           "expected pause, resume, step or finish", "to take everybody back, stop the experiment"));
  }
  if (HasErrors(issues)) return Fail(InvalidError("the ramp cannot be moved", std::move(issues)));
  return {};
}

Status ReadChanges(const Value& body, CommitRequest& request) {
  std::vector<Issue> issues;
  if (!body.is_object()) return Fail(ErrorCode::kInvalid, "expected an object with 'changes'");
  CheckNames(body, Path(), {"changes", "comment"}, issues);
  request.author.comment = ReadComment(body, issues);
  const Value* changes = body.Find("changes");
  if (changes == nullptr || !changes->is_array() || changes->AsArray().empty()) {
    issues.push_back(Fault("missing_key", Path().Key("changes"), "expected a list of at least one change"));
  } else {
    for (std::size_t i = 0; i < changes->AsArray().size(); ++i) {
      const Path path = Path().Key("changes").Index(i);
      if (auto edit = ReadEdit(changes->AsArray()[i], path, issues)) request.edits.push_back(*std::move(edit));
    }
  }
  if (HasErrors(issues)) return Fail(InvalidError("the changes cannot be read", std::move(issues)));
  return {};
}

Result<WorkspaceRequest> ReadWorkspace(const Value& body, std::string_view project) {
  WorkspaceRequest request;
  std::vector<Issue> issues;
  CheckNames(body, Path(), {"workspace", "prune", "comment", "rulesets"}, issues);
  request.author.comment = ReadComment(body, issues);
  if (const Value* prune = body.Find("prune")) {
    if (!prune->is_bool()) issues.push_back(Fault("wrong_type", Path().Key("prune"), "expected true or false"));
    request.prune = prune->AsBool();
  }
  if (const Value* rulesets = body.Find("rulesets")) {
    if (!rulesets->is_bool()) issues.push_back(Fault("wrong_type", Path().Key("rulesets"), "expected true or false"));
    request.rulesets = rulesets->AsBool();
  }
  const Value* workspace = body.Find("workspace");
  if (workspace == nullptr || !workspace->is_object()) {
    issues.push_back(Fault("missing_key", Path().Key("workspace"), "the workspace is missing"));
    return Fail(InvalidError("the workspace cannot be read", std::move(issues)));
  }
  const Path root = Path().Key("workspace");
  CheckNames(*workspace, root, {"project", "flags", "segments", "metrics", "layers", "holdouts", "experiments"},
             issues);
  const Value* about = workspace->Find("project");
  Result<Project> decoded = DecodeProject(about == nullptr ? Value() : *about);
  if (!decoded) {
    AppendIssues(decoded.error(), root.Key("project"), issues);
  } else if (decoded->key != project) {
    issues.push_back(
        Fault("key_differs", root.Key("project"),
              "the workspace is of project '" + decoded->key + "', the address names '" + std::string(project) + "'"));
  } else {
    request.workspace.project = *std::move(decoded);
  }
  for (const WorkspaceList& list : kWorkspaceLists) {
    const Value* definitions = workspace->Find(list.name);
    if (definitions == nullptr) continue;
    if (!definitions->is_array()) {
      issues.push_back(Fault("wrong_type", root.Key(list.name), "expected a list of definitions"));
      continue;
    }
    for (std::size_t i = 0; i < definitions->AsArray().size(); ++i) {
      Result<EntityRecord> record = DecodeEntity(list.kind, definitions->AsArray()[i]);
      if (!record) {
        AppendIssues(record.error(), root.Key(list.name).Index(i), issues);
        continue;
      }
      const EntityRef ref = RefOf(*record);
      if (request.workspace.entities.Find(ref)) {
        issues.push_back(Fault("duplicate_entity", root.Key(list.name).Index(i), ref.ToText() + " is defined twice"));
      }
      request.workspace.entities.Upsert(*std::move(record));
    }
  }
  if (HasErrors(issues)) return Fail(InvalidError("the workspace cannot be read", std::move(issues)));
  return request;
}

Value EncodePlannedChange(const PlannedChange& change) {
  Array environments, summary, moved;
  for (const std::string& name : change.environments) environments.emplace_back(name);
  for (const std::string& line : change.summary) summary.emplace_back(line);
  for (const PlannedMove& move : change.moved) {
    moved.emplace_back(Object{{"environment", Value(move.environment)},
                              {"split", Value(move.split)},
                              {"share_parts", move.share_parts ? Value(*move.share_parts) : Value()}});
  }
  return Object{{"kind", Value(change.kind)},           {"key", Value(change.key)},
                {"action", Value(change.action)},       {"environments", Value(std::move(environments))},
                {"summary", Value(std::move(summary))}, {"moved", Value(std::move(moved))}};
}

Object EncodePlan(const WorkspacePlan& plan) {
  Array changes, conflicts;
  for (const PlannedChange& change : plan.changes) changes.push_back(EncodePlannedChange(change));
  for (const PlanConflict& conflict : plan.conflicts) {
    conflicts.emplace_back(Object{{"kind", Value(conflict.kind)},
                                  {"key", Value(conflict.key)},
                                  {"path", Value(conflict.path)},
                                  {"base", conflict.base},
                                  {"theirs", conflict.theirs},
                                  {"ours", conflict.ours}});
  }
  Object document{{"revision", plan.revision ? Value(*plan.revision) : Value()},
                  {"changes", Value(std::move(changes))},
                  {"conflicts", Value(std::move(conflicts))}};
  if (plan.replayed) document.Append("replayed", true);
  if (!plan.lifted.empty()) document.Append("lifts_protection", TextsOf(plan.lifted));
  if (!plan.guarded.empty()) document.Append("takes_approval", TextsOf(plan.guarded));
  if (!plan.warnings.empty()) document.Append("warnings", EncodeIssues(plan.warnings));
  if (!plan.rulesets.empty()) {
    Object rulesets;
    for (const PlannedRuleset& ruleset : plan.rulesets) {
      rulesets.Append(ruleset.environment,
                      Value(Object{{"before", DocumentOf(ruleset.before)}, {"after", DocumentOf(ruleset.after)}}));
    }
    document.Append("rulesets", Value(std::move(rulesets)));
  }
  return document;
}

http::Response JsonResponse(int status, const Value& body) {
  http::Response response;
  response.status = status;
  response.Header("Content-Type", "application/json");
  response.Header("Cache-Control", "no-store");
  response.body = ToJson(body);
  return response;
}

}  // namespace guidon
