#include "cli/gate_live.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <iterator>
#include <string_view>
#include <thread>
#include <utility>

#include "cli/api_client.h"
#include "cli/output.h"
#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/codec/wire.h"
#include "core/model/units.h"
#include "gate/live_checks.h"
#include "gate/live_state.h"

namespace guidon::cli {
namespace {

constexpr std::string_view kHistory = "/history?limit=50";
constexpr int kMostWaits = 5;
constexpr std::chrono::milliseconds kLongestWait = std::chrono::seconds(10);
constexpr int kMostVersions = 200;  // of a flag that are looked at, to say since when it is as it is

// With GET, and again when it was too much at once: a look at many flags may use up what a key may ask.
Result<ApiAnswer> AskUntilLet(const Connection& connection, const std::string& path) {
  for (int left = kMostWaits;; --left) {
    Result<ApiAnswer> answer = Ask(connection, "GET", path);
    if (left == 0 || !answer || answer->status != 429) return answer;
    std::this_thread::sleep_for(std::min(answer->retry_after.value_or(std::chrono::seconds(1)), kLongestWait));
  }
}

// An answer that is one; nullopt: why not is said, and `exit_code` is set.
std::optional<Value> Fetch(const Connection& connection, const std::string& path, AsJson json, int& exit_code) {
  Result<ApiAnswer> answer = AskUntilLet(connection, path);
  if (answer && answer->ok()) return std::move(answer->body);
  exit_code = answer ? Explain(*answer, json) : Explain(answer.error(), json);
  return std::nullopt;
}

// A definition with its state, as answers about entities have them.
Result<EntityRecord> RecordIn(EntityKind kind, const Value& entity) {
  Object record;
  for (const std::string_view name : {std::string_view("definition"), std::string_view("state")}) {
    if (const Value* member = entity.Find(name)) record.Append(name, *member);
  }
  return DecodeRecord(kind, Value(std::move(record)));
}

// Since when something is so of a flag, version by version.
class Past {
 public:
  Past(const Connection& connection, const std::string& project) : connection_(connection), project_(project) {}

  std::optional<gate::Since> Since(const std::string& flag, const std::function<bool(const FlagRecord&)>& is_so,
                                   std::int64_t enough_ms) const {
    const std::string path = FlagPath(flag);
    gate::Since since;
    int looked = 0;
    for (std::string cursor;;) {
      const Result<ApiAnswer> page = AskUntilLet(connection_, path + std::string(kHistory) + cursor);
      if (!page || !page->ok()) break;
      for (const Value& change : ListIn(page->body, "changes")) {
        if (++looked > kMostVersions) return since;
        const std::optional<FlagRecord> version = VersionOf(path, CountOf(change, "revision"));
        if (!version) return Found(since);
        if (!is_so(*version)) {
          since.beginning = gate::Since::Beginning::kChange;
          return Found(since);
        }
        since.at_ms = ParseTimestamp(TextOf(change, "time")).value_or(0);
        since.by = TextOf(change, "principal");
        since.comment = TextOf(change, "comment");
        since.emergency = TextOf(change, "emergency");
        if (since.at_ms <= enough_ms) return since;
      }
      const Value* next = page->body.Find("next");
      if (next == nullptr) {
        const Value* complete = page->body.Find("complete");
        if (complete != nullptr && complete->AsBool()) since.beginning = gate::Since::Beginning::kCreated;
        break;
      }
      cursor = "&cursor=" + guidon::ToJson(*next);
    }
    return Found(since);
  }

  std::optional<bool> HadEmergency(const std::string& flag) const {
    const Result<ApiAnswer> page = AskUntilLet(connection_, FlagPath(flag) + std::string(kHistory));
    if (!page || !page->ok()) return std::nullopt;
    const Array& changes = ListIn(page->body, "changes");
    return std::any_of(changes.begin(), changes.end(),
                       [](const Value& change) { return !TextOf(change, "emergency").empty(); });
  }

 private:
  std::string FlagPath(const std::string& flag) const { return ProjectPath(project_) + "/flags/" + Escape(flag); }

  // Nothing where not even the newest version was seen to be so.
  static std::optional<gate::Since> Found(const gate::Since& since) {
    return since.at_ms == 0 ? std::nullopt : std::optional(since);
  }

  std::optional<FlagRecord> VersionOf(const std::string& path, std::uint64_t revision) const {
    const Result<ApiAnswer> answer = AskUntilLet(connection_, path + "?revision=" + std::to_string(revision));
    if (!answer || !answer->ok()) return std::nullopt;
    Result<EntityRecord> record = RecordIn(EntityKind::kFlag, answer->body);
    if (!record) return std::nullopt;
    return std::get<FlagRecord>(*std::move(record));
  }

  const Connection& connection_;
  const std::string& project_;
};

class LiveLooker {
 public:
  explicit LiveLooker(const LiveQuestion& question)
      : question_(question), past_(question.connection, question.project) {}

  std::optional<LiveLook> Look(int& exit_code) {
    return question_.experiment.empty() ? LookAtAll(exit_code) : LookAtOne(exit_code);
  }

  std::optional<std::vector<gate::Finding>> Demands(int& exit_code) {
    if (!ReadProject(exit_code)) return std::nullopt;
    return gate::CheckDemands(Input(), question_.policy);
  }

  std::optional<std::vector<gate::Finding>> Switches(int& exit_code) {
    if (!ReadProject(exit_code)) return std::nullopt;
    const EntitySet& files = question_.workspace->definitions.entities;
    std::erase_if(live_.entities.flags,
                  [&](const FlagRecord& record) { return files.FindFlag(record.definition.key) == nullptr; });
    return gate::CheckSwitches(Input());
  }

 private:
  void Add(std::vector<gate::Finding> findings) {
    look_.findings.insert(look_.findings.end(), std::make_move_iterator(findings.begin()),
                          std::make_move_iterator(findings.end()));
  }

  std::string ReportPath(const std::string& experiment) const {
    return EnvironmentPath(question_.project, question_.environment) + "/experiments/" + Escape(experiment) + "/report";
  }

  std::string ExperimentPath(const std::string& experiment) const {
    return ProjectPath(question_.project) + "/experiments/" + Escape(experiment);
  }

  bool ReadProject(int& exit_code) {
    std::optional<LiveProject> live = ReadLiveProject(question_.connection, question_.project, question_.environment,
                                                      question_.workspace != nullptr, question_.json, exit_code);
    if (!live) return false;
    live_ = *std::move(live);
    return true;
  }

  gate::LiveInput Input() const {
    const auto& guarded = live_.protected_environments;
    return {question_.environment,
            live_.entities,
            live_.unreadable,
            live_.environments,
            std::find(guarded.begin(), guarded.end(), question_.environment) != guarded.end(),
            question_.workspace,
            question_.after,
            [this](const std::string& flag, const std::function<bool(const FlagRecord&)>& is_so,
                   std::int64_t enough_ms) { return past_.Since(flag, is_so, enough_ms); },
            [this](const std::string& flag) { return past_.HadEmergency(flag); },
            question_.now_ms};
  }

  // The experiment that was named, and what the policy demands.
  std::optional<LiveLook> LookAtOne(int& exit_code) {
    const std::string& experiment = question_.experiment;
    const Result<ApiAnswer> answer = AskUntilLet(question_.connection, ReportPath(experiment));
    if (answer && answer->ok()) {
      Add(gate::CheckReport(experiment, answer->body, question_.policy, true));
      if (!LookAtRecordOf(experiment, exit_code)) return std::nullopt;
    } else {
      std::optional<gate::Finding> finding;
      if (answer && answer->status == 404) finding = WasNotStarted(experiment);
      if (!finding) {
        exit_code = answer ? Explain(*answer, question_.json) : Explain(answer.error(), question_.json);
        return std::nullopt;
      }
      Add({*std::move(finding)});
    }
    if (!question_.policy.demands.empty()) {
      if (!ReadProject(exit_code)) return std::nullopt;
      Add(gate::CheckDemands(Input(), question_.policy));
    }
    return std::move(look_);
  }

  // Why it has no report: it is there, and was never started. Nothing: for another reason.
  std::optional<gate::Finding> WasNotStarted(const std::string& experiment) const {
    const Result<ApiAnswer> found = AskUntilLet(question_.connection, ExperimentPath(experiment));
    if (!found || !found->ok()) return std::nullopt;
    const Value *definition = found->body.Find("definition"), *state = found->body.Find("state");
    if (definition == nullptr || state == nullptr || state->Find("iteration") != nullptr) return std::nullopt;
    if (TextOf(*definition, "environment") != question_.environment) return std::nullopt;
    return gate::NotStarted(experiment, TextOf(*definition, "owner"));
  }

  std::optional<LiveLook> LookAtAll(int& exit_code) {
    if (!ReadProject(exit_code)) return std::nullopt;
    const gate::LiveInput input = Input();
    Add(gate::CheckDemands(input, question_.policy));
    const auto& known = live_.environments;
    if (std::find(known.begin(), known.end(), question_.environment) == known.end()) {
      if (question_.policy.demands.empty()) look_.reason = "the server has no such environment yet";
      return std::move(look_);
    }
    Add(gate::CheckRamps(input, question_.policy));
    Add(gate::CheckSwitches(input));
    if (!LookAtExperiments(exit_code) || !LookAtRequests(exit_code)) return std::nullopt;
    return std::move(look_);
  }

  bool LookAtExperiments(int& exit_code) {
    for (const std::string& key : live_.running) {
      const std::optional<Value> report = Fetch(question_.connection, ReportPath(key), question_.json, exit_code);
      if (!report) return false;
      Add(gate::CheckReport(key, *report, question_.policy, question_.policy.WantsEvidenceOfAll()));
    }
    for (const ExperimentRecord& record : live_.entities.experiments) {
      if (!LookAtRecord(record, exit_code)) return false;
    }
    return true;
  }

  // What stopped it, and its ramp; nothing of one of another environment.
  bool LookAtRecord(const ExperimentRecord& record, int& exit_code) {
    const Experiment& experiment = record.definition;
    if (experiment.environment != question_.environment || experiment.archived) return true;
    Add(gate::CheckStopped(record));
    if (experiment.ramp.empty() || record.state.status != ExperimentStatus::kRunning) return true;
    const std::optional<Value> status =
        Fetch(question_.connection, ExperimentPath(experiment.key) + "/status", question_.json, exit_code);
    if (!status) return false;
    Add(gate::CheckExperimentRamp(*status, experiment.owner, question_.policy));
    return true;
  }

  bool LookAtRecordOf(const std::string& experiment, int& exit_code) {
    const std::optional<Value> entity =
        Fetch(question_.connection, ExperimentPath(experiment), question_.json, exit_code);
    if (!entity) return false;
    const Result<EntityRecord> record = RecordIn(EntityKind::kExperiment, *entity);
    if (record) return LookAtRecord(std::get<ExperimentRecord>(*record), exit_code);
    exit_code = Explain(record.error(), question_.json);
    return false;
  }

  bool LookAtRequests(int& exit_code) {
    // 200 of a project are live at most.
    const std::optional<Value> list =
        Fetch(question_.connection, ProjectPath(question_.project) + "/change-requests?state=live&limit=200",
              question_.json, exit_code);
    if (!list) return false;
    Add(gate::CheckRequests(question_.environment, ListIn(*list, "change_requests")));
    return true;
  }

  const LiveQuestion& question_;
  const Past past_;
  LiveProject live_;
  LiveLook look_;
};

}  // namespace

std::optional<LiveProject> ReadLiveProject(const Connection& connection, const std::string& project,
                                           const std::string& environment, bool may_be_new, AsJson json,
                                           int& exit_code) {
  LiveProject live;
  const std::string path = ProjectPath(project);
  const Result<ApiAnswer> found = Ask(connection, "GET", path);
  if (found && found->status == 404 && may_be_new) return live;
  if (!found || !found->ok()) {
    exit_code = found ? Explain(*found, json) : Explain(found.error(), json);
    return std::nullopt;
  }
  if (const Value* environments = found->body.Find("environments"); environments != nullptr) {
    for (const Member& member : environments->AsObject()) {
      live.environments.push_back(member.name);
      const Value* is_protected = member.value.Find("protected");
      if (is_protected != nullptr && is_protected->AsBool()) live.protected_environments.push_back(member.name);
    }
  }
  const auto& known = live.environments;
  if (!may_be_new && std::find(known.begin(), known.end(), environment) == known.end()) {
    std::string names;
    for (const std::string& name : known) names += (names.empty() ? "" : ", ") + name;
    exit_code = Explain(Error{ErrorCode::kNotFound,
                              "project '" + project + "' has no environment '" + environment + "'; it has " + names,
                              {}},
                        json);
    return std::nullopt;
  }
  for (const auto& [kind, list] : {std::pair(EntityKind::kFlag, std::string("flags")),
                                   std::pair(EntityKind::kExperiment, std::string("experiments")),
                                   std::pair(EntityKind::kHoldout, std::string("holdouts"))}) {
    const std::optional<Value> answer = Fetch(connection, path + "/" + list, json, exit_code);
    if (!answer) return std::nullopt;
    for (const Value& entity : ListIn(*answer, list)) {
      const Value *definition = entity.Find("definition"), *state = entity.Find("state");
      if (kind == EntityKind::kExperiment && definition != nullptr && state != nullptr &&
          TextOf(*definition, "environment") == environment && TextOf(*state, "status") == "running") {
        live.running.push_back(TextOf(entity, "key"));
      }
      Result<EntityRecord> record = RecordIn(kind, entity);
      if (record) {
        live.entities.Append(*std::move(record));
      } else if (kind == EntityKind::kFlag) {
        live.unreadable.push_back(TextOf(entity, "key"));
      }
    }
  }
  return live;
}

std::optional<LiveLook> LookAtLive(const LiveQuestion& question, int& exit_code) {
  return LiveLooker(question).Look(exit_code);
}

std::optional<std::vector<gate::Finding>> LookAtDemands(const LiveQuestion& question, int& exit_code) {
  return LiveLooker(question).Demands(exit_code);
}

std::optional<std::vector<gate::Finding>> LookAtSwitches(const LiveQuestion& question, int& exit_code) {
  return LiveLooker(question).Switches(exit_code);
}

}  // namespace guidon::cli
