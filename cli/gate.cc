// guidon gate: may this be released? Gathers what is looked at, has it checked, and says one verdict.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <set>

#include "cli/api_client.h"
#include "cli/change_request.h"
#include "cli/change_set.h"
#include "cli/code_refs.h"
#include "cli/gate_delivery.h"
#include "cli/gate_live.h"
#include "cli/gate_record.h"
#include "cli/output.h"
#include "cli/policy_file.h"
#include "cli/ruleset_source.h"
#include "cli/usage.h"
#include "cli/verbs.h"
#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/codec/wire.h"
#include "core/model/units.h"
#include "gate/approval_checks.h"
#include "gate/change_checks.h"
#include "gate/code_checks.h"
#include "gate/formats.h"
#include "gate/inputs.h"
#include "gate/live_checks.h"
#include "gate/lookers.h"
#include "gate/policy.h"
#include "gate/rules.h"
#include "gate/sdk_checks.h"
#include "gate/static_checks.h"
#include "gate/usage_checks.h"
#include "workspace/file.h"
#include "workspace/workspace.h"

namespace guidon::cli {
namespace {

constexpr std::string_view kPolicyFile = "gate.yaml", kRefsFile = "refs.yaml";
constexpr const char* kHasErrors = "the definitions have errors";

// Why no verdict can be given at all, with its exit code; said already.
using Stop = std::optional<int>;

class Gating {
 public:
  Gating(const GateOptions& options, std::int64_t now_ms) : options_(options), now_ms_(now_ms) {
    report_.environment = options.environment;
    report_.day = gate::DayOf(now_ms_);
  }

  int Run() {
    for (Stop (Gating::*step)() : {&Gating::TakePolicy, &Gating::LookAtFiles, &Gating::LookAtChange,
                                   &Gating::LookAtCode, &Gating::LookAtServer, &Gating::LookAtDelivered}) {
      const Stop stop = (this->*step)();
      if (stop && !(report_.unreachable && *stop == kUnreachable)) return *stop;
    }
    if (report_.unreachable) {
      NameWhatWasNotReached();
      inputs_.Add("unreachable", ToString(*report_.unreachable));
    }
    gate::Settle(report_, policy_);
    report_.inputs_hash = inputs_.Hash();
    const int exit_code = Record();
    if (const Stop stop = Say()) return *stop;
    return exit_code;
  }

 private:
  // Of a server that is away, the report is the one document on standard output.
  AsJson Saying() const { return {options_.json, false}; }
  Stop Refuse(const Error& error) const { return Explain(error, Saying()); }

  Stop NotLooked(std::string group, std::string reason) {
    report_.looked.push_back({std::move(group), false, std::move(reason)});
    return std::nullopt;
  }

  void Add(std::vector<gate::Finding> findings) {
    report_.findings.insert(report_.findings.end(), std::make_move_iterator(findings.begin()),
                            std::make_move_iterator(findings.end()));
  }

  // Tests and contexts are evaluated at it; elsewhere the day decides alone.
  void TakeMoment(const EntitySet& entities) {
    if (gate::LooksAtTime(entities)) inputs_.Add("moment", FormatTimestamp(now_ms_));
  }

  // A file that was named, or that of this name in the workspace; empty: there is none.
  std::string NamedOrInWorkspace(const std::string& named, std::string_view name) const {
    if (!named.empty() || options_.workspace.empty()) return named;
    const std::filesystem::path beside = std::filesystem::path(options_.workspace) / name;
    std::error_code error;
    return std::filesystem::exists(beside, error) ? beside.lexically_normal().generic_string() : "";
  }

  // Of what is in no file: the policy, but for one that is kept elsewhere, or the project's own.
  std::string StandIn(const std::string& policy) const {
    const std::filesystem::path path = std::filesystem::path(policy).lexically_normal();
    if (!path.empty() && path.is_relative() && *path.begin() != "..") return path.generic_string();
    return (std::filesystem::path(options_.workspace) / "guidon.yaml").lexically_normal().generic_string();
  }

  // The one that was named, or gate.yaml of the workspace, or the default.
  Stop TakePolicy() {
    const std::string path = NamedOrInWorkspace(options_.policy, kPolicyFile);
    if (!path.empty()) {
      int exit_code = kPass;
      std::optional<PolicyFile> file = ReadPolicyFile(path, Saying(), exit_code);
      if (!file) return exit_code;
      policy_ = std::move(file->policy);
      inputs_.Add("policy", file->text);
    }
    inputs_.Add("options", ToJson(Object{{"environment", Value(options_.environment)},
                                         {"workspace", Value(Normal(options_.workspace))},
                                         {"experiment", Value(options_.experiment)},
                                         {"prune", Value(options_.prune)},
                                         {"revision", Value(options_.goal.revision)},
                                         {"release", Value(options_.goal.release)},
                                         {"min_share", Value(options_.goal.min_share)},
                                         {"min_live", Value(options_.goal.min_live)}}));
    inputs_.Add("day", FormatDay(report_.day));
    report_.file = StandIn(path);
    report_.policy = policy_.name;
    report_.policy_hash = policy_.hash;
    return std::nullopt;
  }

  Stop LookAtFiles() {
    if (options_.workspace.empty()) return NotLooked("static", "no --workspace was given");
    Result<Workspace> workspace = ReadWorkspace(options_.workspace, {.today = report_.day, .keeps_texts = true});
    if (!workspace) return Refuse(workspace.error());
    workspace_ = *std::move(workspace);
    const Project& project = workspace_.definitions.project;
    if (!project.key.empty() && project.FindEnvironment(options_.environment) == nullptr) {
      return Refuse(NoSuchEnvironment(project, options_.environment));
    }
    for (const auto& [file, text] : workspace_.texts) inputs_.Add("files/" + file, text);
    workspace_.texts.clear();
    TakeMoment(workspace_.definitions.entities);
    Add(gate::CheckStatic({workspace_, now_ms_}, policy_));
    report_.looked.push_back({"static", true, ""});
    if (!policy_.SeverityOf("static.test")) return std::nullopt;
    if (workspace_.HasErrors()) return NotLooked("tests", kHasErrors);
    report_.looked.push_back({"tests", true, ""});
    return std::nullopt;
  }

  // What the code reads, against what the files define, as far as that can be read, or, without files, the environment
  // has.
  Stop LookAtCode() {
    if (options_.code.empty()) return NotLooked("code", "no --code was given");
    const bool has_files = !options_.workspace.empty();
    Workspace held;
    std::vector<std::string> unreadable;
    if (!has_files) {
      if (const Stop stop = TakeEnvironment(held.definitions.entities, unreadable)) return stop;
    }
    Result<refs::Scan> scan = ScanCode(options_.code, NamedOrInWorkspace(options_.code_config, kRefsFile));
    if (!scan) return Refuse(scan.error());
    if (const std::string none = NoCodeIn(options_.code, *scan); !none.empty()) return NotLooked("code", none);
    std::erase_if(scan->references, [&](const refs::Reference& reference) {
      return std::find(unreadable.begin(), unreadable.end(), reference.key) != unreadable.end();
    });
    inputs_.Add("code", scan->references);
    const Workspace& flags = has_files ? workspace_ : held;
    if (!has_files) inputs_.Add("environment", held.definitions.entities);
    Add(gate::CheckCode({flags, options_.environment, scan->references, now_ms_, has_files}));
    report_.looked.push_back({"code", true, ""});
    return LookAtUsage(flags, scan->references);
  }

  // What the server has counted of the flags that the code reads.
  Stop LookAtUsage(const Workspace& flags, const std::vector<refs::Reference>& references) {
    if (!policy_.SeverityOf("code.settled-flag")) return std::nullopt;
    if (workspace_.HasErrors()) return NotLooked("usage", kHasErrors);
    if (!asked_server_) return NotLooked("usage", "no server was asked");
    std::string project;
    if (const Stop stop = AskProject(project)) return stop;
    const Result<gate::Usage> asked =
        AskUsage(options_.connection, project, options_.environment, policy_.settled_days);
    if (!asked && asked.error().code == ErrorCode::kPermissionDenied) return NotLooked("usage", asked.error().message);
    if (!asked && asked.error().code != ErrorCode::kNotFound) return Unreachable(Explain(asked.error(), Saying()));
    if (!asked || !asked->since) return NotLooked("usage", "the server has counted no evaluations there");
    const gate::UsageInput input{flags, options_.environment, references, *asked, report_.day};
    inputs_.Add("usage", gate::SettledIn(input, policy_));
    Add(gate::CheckUsage(input, policy_));
    report_.looked.push_back({"usage", true, ""});
    return std::nullopt;
  }

  // The flags of the environment, from the server or a ruleset file; `unreadable`: those that are there, too, and that
  // this version cannot read.
  Stop TakeEnvironment(EntitySet& entities, std::vector<std::string>& unreadable) {
    if (!options_.snapshot.empty()) {
      Result<SnapshotDocument> file = ReadSnapshot();
      if (!file) return Refuse(file.error());
      entities = std::move(file->snapshot.entities);
      for (const Undecodable& entity : file->undecodable) unreadable.push_back(entity.ref.key);
      return std::nullopt;
    }
    std::string project;
    if (const Stop stop = AskProject(project)) return stop;
    int exit_code = kPass;
    std::optional<LiveProject> live =
        ReadLiveProject(options_.connection, project, options_.environment, false, Saying(), exit_code);
    if (!live) return Unreachable(exit_code);
    entities = std::move(live->entities);
    unreadable = std::move(live->unreadable);
    return std::nullopt;
  }

  // --snapshot, which has to be of this environment.
  Result<SnapshotDocument> ReadSnapshot() const {
    Result<SnapshotDocument> file = ReadRulesetFile(options_.snapshot);
    if (file && file->snapshot.environment != options_.environment) {
      return Fail(ErrorCode::kNotFound,
                  options_.snapshot + " is of " + file->snapshot.environment + ", not of " + options_.environment);
    }
    return file;
  }

  // What the files would do to the environment as it is, on the server or in a ruleset file.
  Stop LookAtChange() {
    if (options_.workspace.empty()) return NotLooked("change", "no --workspace was given");
    if (options_.offline && options_.snapshot.empty())
      return NotLooked("change", "--offline was given, and no --snapshot");
    if (!options_.contexts.empty()) {
      std::string text;
      Result<std::vector<Context>> contexts = ReadContexts(options_.contexts, &text);
      if (!contexts) return Refuse(contexts.error());
      contexts_ = *std::move(contexts);
      inputs_.Add("contexts", text);
    }
    if (workspace_.HasErrors()) return NotLooked("change", kHasErrors);
    const Stop stop = options_.snapshot.empty() ? CompareWithServer() : CompareWithFile();
    if (stop) return stop;
    if (!report_.changes) return NotLooked("change", "nothing can be told without what is refused or in conflict");
    report_.looked.push_back({"change", true, ""});
    return std::nullopt;
  }

  void Compare(const EntitySet& before, const EntitySet& after) {
    inputs_.Add("change/before", before);
    inputs_.Add("change/after", after);
    TakeMoment(before);
    TakeMoment(after);
    const gate::ChangeInput input{
        workspace_, options_.environment, before, after, options_.contexts.empty() ? nullptr : &contexts_, now_ms_};
    report_.changes = gate::ChangesOf(input);
    Add(gate::CheckChange(input, policy_));
  }

  Stop CompareWithFile() {
    const Result<SnapshotDocument> file = ReadSnapshot();
    if (!file) return Refuse(file.error());
    const Result<Applied> applied = ApplyToRuleset(workspace_.definitions, *file, options_.snapshot);
    if (applied) {
      CompareOffline(*applied);
      return std::nullopt;
    }
    if (applied.error().code != ErrorCode::kInvalid) return Refuse(applied.error());
    AddRefusal(applied.error().issues);
    if (const std::optional<Workspace> rest = Without(workspace_, RefusedOf(applied.error().issues))) {
      const Result<Applied> others = ApplyToRuleset(rest->definitions, *file, options_.snapshot);
      if (others) CompareOffline(*others);
    }
    return std::nullopt;
  }

  void CompareOffline(const Applied& applied) {
    const EntitySet &before = applied.before.entities, &after = applied.after.entities;
    Compare(before, after);
    Array changes;
    for (const EntityChange& change : DescribeChanges(before, after)) changes.push_back(ToValue(change));
    const Value plan = Object{{"changes", Value(std::move(changes))}};
    // The file does not say whether the environment is protected; the workspace does.
    const EnvironmentDefinition* here = workspace_.definitions.project.FindEnvironment(options_.environment);
    if (here != nullptr && here->is_protected) Add(gate::CheckApproval({options_.environment, plan, nullptr}));
    Add(gate::CheckProtectedFlags({workspace_, options_.environment, before, after, plan, nullptr}, policy_));
  }

  void AddRefusal(const std::vector<Issue>& issues) {
    Array said;
    for (const Issue& issue : issues) said.push_back(ToValue(issue));
    inputs_.Add("change/refused", guidon::ToJson(Value(std::move(said))));
    Add(gate::CheckRefusal(workspace_, issues));
  }

  Stop CompareWithServer() {
    asked_server_ = true;
    const Result<ApiAnswer> answer =
        SendWorkspace(options_.connection, workspace_, {.dry_run = true, .prune = options_.prune, .rulesets = true});
    if (!answer) return Unreachable(Explain(answer.error(), Saying()));
    if (answer->status == 422) {
      const std::vector<Issue> issues = IssuesOf(*answer);
      AddRefusal(issues);
      const std::optional<Workspace> rest = Without(workspace_, RefusedOf(issues));
      if (!rest) return std::nullopt;
      Stop stop;
      const std::optional<Value> plan = PlanOfRest(*rest, stop);
      return plan ? CompareAsPlanned(*rest, *plan) : stop;
    }
    if (!answer->ok()) return Unreachable(Explain(*answer, Saying()));
    return CompareAsPlanned(workspace_, answer->body);
  }

  static std::set<std::string> RefusedOf(const std::vector<Issue>& issues) {
    std::set<std::string> refused;
    for (const Issue& issue : issues) {
      if (issue.severity == Severity::kError) refused.insert(issue.entity);
    }
    return refused;
  }

  static std::set<std::string> ConflictingIn(const Value& plan) {
    std::set<std::string> conflicting;
    for (const Value& conflict : ListIn(plan, "conflicts")) {
      conflicting.insert(TextOf(conflict, "kind") + " " + TextOf(conflict, "key"));
    }
    return conflicting;
  }

  // What is refused or in conflict hides nothing else: the files once more, as if those entities were left as the
  // server has them. Nothing: the files have none of them.
  static std::optional<Workspace> Without(const Workspace& workspace, const std::set<std::string>& names) {
    std::optional<Workspace> rest = workspace;
    bool is_less = false;
    for (const EntityRef& ref : workspace.definitions.entities.Refs()) {
      if (names.contains(ref.ToText())) is_less = rest->definitions.entities.Remove(ref) || is_less;
    }
    if (!is_less) rest.reset();
    return rest;
  }

  // Without `prune`: what was left out is not gone. Nothing, without a stop: the rest needs what was left out.
  std::optional<Value> PlanOfRest(const Workspace& rest, Stop& stop) {
    Result<ApiAnswer> answer = SendWorkspace(options_.connection, rest, {.dry_run = true, .rulesets = true});
    if (answer && answer->ok()) return std::move(answer->body);
    if (!answer) {
      stop = Unreachable(Explain(answer.error(), Saying()));
    } else if (answer->status != 422) {
      stop = Unreachable(Explain(*answer, Saying()));
    }
    return std::nullopt;
  }

  // `sent`: what the plan is of.
  Stop CompareAsPlanned(const Workspace& sent, const Value& plan) {
    for (const std::string_view part : {"changes", "conflicts"}) {
      inputs_.Add("change/" + std::string(part), guidon::ToJson(Value(ListIn(plan, part))));
    }
    Add(gate::CheckConflicts(workspace_, plan));
    if (const Stop stop = HasConflicts(plan) ? CompareBesideConflicts(sent, plan) : CompareRulesets(plan)) return stop;
    return AskForApprovals(plan);
  }

  // A plan with conflicts has no rulesets to compare; that of the rest has.
  Stop CompareBesideConflicts(const Workspace& sent, const Value& plan) {
    const std::optional<Workspace> rest = Without(sent, ConflictingIn(plan));
    if (!rest) return std::nullopt;
    Stop stop;
    const std::optional<Value> others = PlanOfRest(*rest, stop);
    return others && !HasConflicts(*others) ? CompareRulesets(*others) : stop;
  }

  Stop CompareRulesets(const Value& plan) {
    const Value* rulesets = plan.Find("rulesets");
    const Value* here = rulesets == nullptr ? nullptr : rulesets->Find(options_.environment);
    if (here != nullptr) {
      Result<Snapshot> before = SnapshotIn(*here, "before"), after = SnapshotIn(*here, "after");
      if (!before) return Refuse(before.error());
      if (!after) return Refuse(after.error());
      before_ = std::move(before->entities);
      after_ = std::move(after->entities);
      Compare(*before_, *after_);
    } else {
      report_.changes.emplace();  // nothing of it is changed
    }
    return std::nullopt;
  }

  // Null is an environment that is not there yet.
  static Result<Snapshot> SnapshotIn(const Value& rulesets, std::string_view side) {
    const Value* document = rulesets.Find(side);
    if (document == nullptr || document->is_null()) return Snapshot();
    Result<SnapshotDocument> decoded = DecodeSnapshot(guidon::ToJson(*document));
    if (!decoded) return Fail(decoded.error());
    return std::move(decoded->snapshot);
  }

  Stop AskForApprovals(const Value& plan) {
    const std::string project = workspace_.definitions.project.key;
    const Result<ApiAnswer> environment =
        Ask(options_.connection, "GET", EnvironmentPath(project, options_.environment));
    if (!environment) return Unreachable(Explain(environment.error(), Saying()));
    if (environment->status == 404) return std::nullopt;  // it is new, and so is what protects it
    if (!environment->ok()) return Unreachable(Explain(*environment, Saying()));
    const Value* said = environment->body.Find("protected");
    const bool is_protected = said != nullptr && said->is_bool() && said->AsBool();
    if (!is_protected && policy_.protected_flags.empty()) return std::nullopt;
    int exit_code = kPass;
    const std::optional<std::vector<Value>> requests =
        ReadLiveRequests(options_.connection, project, {options_.environment}, Saying(), exit_code);
    if (!requests) return Unreachable(exit_code);
    inputs_.Add("change/requests", guidon::ToJson(Value(Array(requests->begin(), requests->end()))));
    if (is_protected) Add(gate::CheckApproval({options_.environment, plan, &*requests}));
    if (before_ && after_) {
      Add(gate::CheckProtectedFlags({workspace_, options_.environment, *before_, *after_, plan, &*requests}, policy_));
    }
    return std::nullopt;
  }

  Stop LookAtServer() {
    std::vector<gate::Finding> freezes = gate::CheckFreeze(policy_, now_ms_);
    std::string frozen;
    for (const gate::Finding& freeze : freezes) frozen += freeze.message + "\n";
    inputs_.Add("live/freeze", frozen);  // the moment decides, and not the day alone
    Add(std::move(freezes));
    if (options_.offline) return NotLooked("live", "--offline was given");
    if (!options_.snapshot.empty() && options_.experiment.empty()) return NotLooked("live", "--snapshot was given");
    std::string project;
    if (const Stop stop = AskProject(project)) return stop;
    int exit_code = kPass;
    std::optional<LiveLook> look =
        LookAtLive({options_.connection, project, options_.environment, options_.experiment, policy_,
                    options_.workspace.empty() ? nullptr : &workspace_, after_ ? &*after_ : nullptr, now_ms_, Saying()},
                   exit_code);
    if (!look) return Unreachable(exit_code);
    inputs_.Add("live", look->findings);
    Add(std::move(look->findings));
    report_.looked.push_back({"live", look->reason.empty(), look->reason});
    return std::nullopt;
  }

  // Whether whoever is to get the change can evaluate it: of all processes, and before it is there. Sets whether they
  // were asked for.
  Stop LookAtSdks(bool& asked) {
    if (!before_ || !after_ || !policy_.SeverityOf("delivery.old-sdk")) return std::nullopt;
    const std::vector<gate::NewUse> uses = gate::NewlyUsed(*before_, *after_, Features());
    if (uses.empty()) return std::nullopt;
    if (report_.unreachable) return kUnreachable;
    const Result<ApiAnswer> far =
        Ask(options_.connection, "GET",
            EnvironmentPath(workspace_.definitions.project.key, options_.environment) + "/propagation?revision=head");
    if (!far) return Unreachable(Explain(far.error(), Saying()));
    if (far->status == 404) return std::nullopt;  // it is new, and nobody uses it
    if (!far->ok()) return Unreachable(Explain(*far, Saying()));
    std::vector<gate::Finding> findings =
        gate::CheckNewUses({workspace_, options_.environment, far->body, uses, Features()});
    inputs_.Add("delivery/sdks", findings);
    Add(std::move(findings));
    asked = true;
    return std::nullopt;
  }

  // The last one, since it may wait; there is nothing to wait for once it cannot pass whatever is delivered.
  Stop LookAtDelivered() {
    bool knows_sdks = false;
    if (const Stop stop = LookAtSdks(knows_sdks)) return stop;
    if (options_.goal.revision.empty()) {
      return NotLooked("delivery", options_.offline ? "--offline was given"
                                   : knows_sdks ? "no --revision was given, but for SDKs that do not know the change"
                                                : "no --revision was given");
    }
    std::string project;
    if (const Stop stop = AskProject(project)) return stop;
    DeliveryQuestion question{options_.connection,
                              project,
                              options_.environment,
                              options_.goal,
                              options_.has_min_share,
                              options_.has_min_live,
                              policy_,
                              Saying()};
    gate::Report so_far = report_;
    gate::Settle(so_far, policy_);
    if (gate::VerdictOf(so_far) != gate::Verdict::kPass) question.goal.wait = {};
    int exit_code = kPass;
    std::optional<std::vector<gate::Finding>> findings = LookAtDelivery(question, exit_code);
    if (!findings) return Unreachable(exit_code);
    inputs_.Add("delivery", *findings);
    Add(*std::move(findings));
    report_.looked.push_back({"delivery", true, ""});
    return std::nullopt;
  }

  // On the server, which is asked nothing more once it was away.
  Stop AskProject(std::string& project) {
    if (report_.unreachable) return kUnreachable;
    asked_server_ = true;
    const std::string& of_files = workspace_.definitions.project.key;
    Result<std::string> found =
        ResolveProject(options_.connection, options_.project.empty() ? of_files : options_.project);
    if (!found) return Unreachable(Explain(found.error(), Saying()));
    project = *std::move(found);
    return std::nullopt;
  }

  // What files and code show counts whether or not the server is there: the other steps go on, and ask it nothing more.
  Stop Unreachable(int exit_code) {
    if (exit_code == kUnreachable) {
      const int said = policy_.unreachable.value_or(kUnreachable);
      report_.unreachable = said == kPass      ? gate::Verdict::kPass
                            : said == kProblem ? gate::Verdict::kFail
                            : said == kHold    ? gate::Verdict::kHold
                                               : gate::Verdict::kNone;
    }
    return exit_code;
  }

  // Groups that a step began and could not end.
  void NameWhatWasNotReached() {
    const auto said = [&](std::string_view group) {
      return std::find_if(report_.looked.begin(), report_.looked.end(),
                          [&](const gate::Looked& looked) { return looked.group == group; });
    };
    for (const gate::PolicyRule& rule : gate::Rules()) {
      if (said(rule.looked()) != report_.looked.end()) continue;
      // What is looked at besides a group is, once that was, if it is wanted.
      const auto group = said(rule.group());
      const bool is_wanted = rule.looked() == rule.group() ||
                             (group != report_.looked.end() && group->done && policy_.SeverityOf(rule.id));
      if (is_wanted) NotLooked(std::string(rule.looked()), "the server cannot be reached");
    }
    // In the order in which they are always told.
    const auto place = [](const gate::Looked& looked) {
      const auto rules = gate::Rules();
      return std::find_if(rules.begin(), rules.end(), [&](const auto& rule) { return rule.looked() == looked.group; });
    };
    std::stable_sort(report_.looked.begin(), report_.looked.end(),
                     [&](const auto& a, const auto& b) { return place(a) < place(b); });
  }

  // "table", or that of the option that was given.
  std::string FormatOfAnswer() const {
    const std::pair<bool, const char*> options[] = {
        {options_.json, "json"},         {options_.sarif, "sarif"},
        {options_.junit, "junit"},       {options_.codequality, "codequality"},
        {options_.markdown, "markdown"}, {options_.github, "github"}};
    for (const auto& [is_given, format] : options) {
      if (is_given) return format;
    }
    return "table";
  }

  std::string TextIn(std::string_view format, bool is_of_file) const {
    if (format == "json") return ToJson(gate::ToJson(report_)) + "\n";
    if (format == "sarif") return gate::ToSarif(report_, GUIDON_VERSION);
    if (format == "junit") return gate::ToJUnit(report_);
    if (format == "codequality") return gate::ToCodeQuality(report_);
    if (format == "markdown") return gate::ToMarkdown(report_);
    if (format == "github") return gate::ToGitHub(report_);
    return gate::ToTable(report_, is_of_file ? 80 : LineWidth(), is_of_file ? gate::Marks() : Out().marks());
  }

  // Whoever asked no server is not heard of there, unless that is demanded; who was told to ask none cannot be.
  int Record() {
    const bool is_demanded = policy_.record == gate::Recording::kRequired || !options_.receipt.empty();
    if (options_.offline || (!asked_server_ && !is_demanded)) return gate::ExitCodeOf(gate::VerdictOf(report_));
    const std::string& of_files = workspace_.definitions.project.key;
    return RecordGateRun(options_.connection,
                         {report_, options_.project.empty() ? of_files : options_.project, options_.goal.release,
                          options_.goal.revision},
                         policy_.record, options_.receipt);
  }

  static std::string Normal(const std::string& path) {
    return path.empty() ? path : std::filesystem::path(path).lexically_normal().generic_string();
  }

  Stop Say() const {
    for (const std::string& also : options_.also) {
      const std::size_t equals = also.find('=');
      const Status written = WriteFile(also.substr(equals + 1), TextIn(also.substr(0, equals), true));
      if (!written) return Explain(written.error(), Saying());
    }
    const bool is_of_file = !options_.output.empty();
    const std::string text = TextIn(FormatOfAnswer(), is_of_file);
    if (is_of_file) {
      if (const Status written = WriteFile(options_.output, text); !written) {
        return Explain(written.error(), Saying());
      }
    } else {
      std::cout << text;
    }
    return std::nullopt;
  }

  const GateOptions& options_;
  const std::int64_t now_ms_;
  gate::Policy policy_;
  Workspace workspace_;
  std::vector<Context> contexts_;
  std::optional<EntitySet> before_, after_;  // the environment on the server, and what the files would make of it
  gate::Report report_;
  gate::Inputs inputs_;
  bool asked_server_ = false;
};

}  // namespace

std::vector<std::string> GateFormats() {
  return {"table", "json", "sarif", "junit", "codequality", "markdown", "github"};
}

int Gate(const GateOptions& options) {
  const std::optional<std::int64_t> now_ms = TimeOf(options.now);
  if (!now_ms) return Explain({ErrorCode::kInvalid, "--now is no time such as 2027-03-31T08:00:00Z", {}}, options.json);
  return Gating(options, *now_ms).Run();
}

}  // namespace guidon::cli
