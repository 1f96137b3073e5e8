// The verbs of the command line. Each is one file; arguments.cc reads the words, main.cc calls one of them.
//
// Exit codes of every verb: 0 pass, 1 problem found (also what the server refuses for its state or its faults: a
// conflict, an invalid definition), 2 usage error, unreadable input, or what is not there or not allowed, 3 hold (not
// far enough yet), 4 server unreachable or failing.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/definitions.h"

namespace guidon::cli {

inline constexpr int kPass = 0;
inline constexpr int kProblem = 1;
inline constexpr int kUsage = 2;
inline constexpr int kHold = 3;
inline constexpr int kUnreachable = 4;

// How to reach the server.
struct Connection {
  std::string server;  // http://127.0.0.1:8400
  std::string key;     // an admin key
  // PEM files, for https:// only.
  std::string ca;        // the authorities to trust; empty: the system's
  std::string cert;      // who we are, for a server that asks, …
  std::string cert_key;  // … and its key; both or none
};

// Of a verb that writes definitions: at once, by a change request, or in an emergency past the approvals.
struct WriteOptions {
  std::string request;  // the title of the change request; empty: at once
  std::string description;
  std::string at;  // RFC 3339: when the server applies the request; empty: when somebody does
  bool emergency = false;
  std::string reason;  // of the emergency
};

struct ValidateOptions {
  std::string folder;
  bool json = false;
};
int Validate(const ValidateOptions& options);

struct FmtOptions {
  std::vector<std::string> paths;  // folders, with all YAML below, and files
  bool check = false;              // write nothing; what would change is a problem
  bool diff = false;               // the same, and show how
  bool from_stdin = false;         // standard input to standard output, in place of paths
};
int Fmt(const FmtOptions& options);

struct LspOptions {
  Connection connection;  // without a server: what is live is not asked for
};
int Lsp(const LspOptions& options);

struct LintOptions {
  std::vector<std::string> paths;  // as of fmt
  std::vector<std::string> skip;   // rules that are not asked
  bool rules = false;              // list them, and look at nothing
  bool fix = false;                // write what can be done; else nothing is written
  bool diff = false;               // show what would be done
  bool json = false;
};
int Lint(const LintOptions& options);

struct TestOptions {
  std::string folder;
  std::string filter;                             // in the key, description or file of a test; empty: all of them
  std::string now;                                // RFC 3339; empty: the present
  bool coverage = false;                          // list what no test has seen decide
  std::optional<std::uint32_t> require_coverage;  // parts of kWhole; less of it is a problem
  bool watch = false;                             // again whenever a file changes, until it is stopped
  bool json = false;
};
int Test(const TestOptions& options);

struct RefsOptions {
  std::vector<std::string> sources;  // folders and files of code
  std::string config;                // which functions read flags; empty: those of the SDKs
  std::string flag;                  // its reads alone; empty: all
  bool json = false;
};
int Refs(const RefsOptions& options);

struct RemoveOptions {
  std::string flag;
  std::vector<std::string> code;  // folders and files
  std::string config;             // which functions read flags; empty: those of the SDKs
  std::string build;              // the folder of compile_commands.json; empty: it is looked for
  std::string keep;               // the variation; empty: what the environment serves to everybody
  std::string workspace;          // where the flag is defined; empty: the server, if there is an environment
  std::string environment;
  std::string project;
  Connection connection;
  bool write = false;  // else the changes are shown
  bool json = false;
};
int Remove(const RemoveOptions& options);

struct PlanOptions {
  Connection connection;
  std::string folder;
  std::string snapshot;  // a ruleset file to compare with; empty: the server
  std::string contexts;  // JSONL; empty: nobody is counted
  bool prune = false;
  bool json = false;
};
int Plan(const PlanOptions& options);

struct ApplyOptions {
  Connection connection;
  std::string folder;
  std::string comment;
  bool prune = false;
  WriteOptions write;
  bool approved = false;  // what takes approval is done by the change request that does the same
  bool json = false;
};
int Apply(const ApplyOptions& options);

// Targeting of flags, from one environment to another: on the server, or in the files of a workspace.
struct PromoteOptions {
  Connection connection;
  std::string project;
  std::string from, to;            // environments
  std::vector<std::string> flags;  // keys; none: all that the first names
  std::string workspace;           // a folder whose files are edited; empty: the server
  std::string policy;              // a file; empty: gate.yaml of the workspace, or the default
  std::string contexts;            // JSONL; empty: nobody is counted
  std::string now;                 // RFC 3339; empty: the present
  bool overwrite = false;          // the second becomes as the first, whatever was changed there
  bool yes = false;                // write, and not only say what would change
  std::string comment;
  WriteOptions write;  // on the server
  bool json = false;
};
int Promote(const PromoteOptions& options);

struct EvaluateOptions {
  Connection connection;
  std::string workspace;  // or
  std::string ruleset;    // both empty: the server
  std::string snapshot;   // a ruleset file whose ranges the workspace is put on; empty: first allocations
  std::string project;    // empty: the only one
  std::string environment;
  std::string flag;
  std::string context;  // JSON
  std::string cases;    // JSONL: {"flag", "context"} each
  std::string now;      // RFC 3339
  std::optional<Revision> revision;
  std::string at;  // RFC 3339: as it was at this time
  bool explain = false;
  bool in_words = false;  // `guidon explain`: of one flag and one context, in sentences
  bool json = false;
};
int Evaluate(const EvaluateOptions& options);

struct SimulateOptions {
  Connection connection;
  std::string flag;
  std::string contexts;    // JSONL: whom; or
  std::string population;  // YAML that makes them up: a file, or itself where it begins with {
  std::string workspace;   // what it would be after these files, beside what the server has; or
  std::string snapshot;    // … beside what this ruleset file has; or
  bool offline = false;    // … by themselves
  std::string ruleset;     // this ruleset file; without any of these: what the server has
  std::string project;     // empty: the only one
  std::string environment;
  std::string now;  // RFC 3339
  std::optional<Revision> revision;
  std::string at;  // RFC 3339: as it was at this time
  bool json = false;
};
int Simulate(const SimulateOptions& options);

struct ExportOptions {
  Connection connection;
  std::string workspace;  // empty: from the server
  std::string project;
  std::string environment;
  std::string output;  // empty: standard output
  std::optional<Revision> revision;
  bool json = false;  // the document is JSON in any case; faults are, too
};
int Export(const ExportOptions& options);

struct KeyOptions {
  Connection connection;
  std::string action;  // "create" | "revoke" | "rotate" | "list"
  std::string project;
  bool all_projects = false;  // admin keys that are of no project
  std::string environment;
  std::string kind;
  std::string role;
  std::string member;
  std::string description;
  std::string expires_in;
  std::string overlap;
  std::string id;
  bool json = false;
};
int Key(const KeyOptions& options);

struct MemberOptions {
  Connection connection;
  std::string action;  // "add" | "list" | "remove"
  std::string id;
  std::string name;
  std::string email;
  std::vector<std::string> roles;  // "editor", "editor@shop", "editor@shop/staging"
  bool json = false;
};
int Members(const MemberOptions& options);

struct RoleOptions {
  Connection connection;
  std::string action;  // "set" | "list" | "remove"
  std::string name;
  std::vector<std::string> verbs;  // "definitions.read"
  std::string description;
  bool json = false;
};
int Roles(const RoleOptions& options);

struct WebhookOptions {
  Connection connection;
  std::string action;  // "add" | "list" | "remove" | "ping"
  std::string project;
  bool all_projects = false;
  std::string url;
  std::vector<std::string> events;  // none: all
  std::string format;               // "json" | "slack"
  std::string description;
  std::string id;
  bool json = false;
};
int Webhook(const WebhookOptions& options);

struct BackupOptions {
  Connection connection;
  std::string action;  // "create" | "list": of the server; "verify" | "restore": files
  std::string name;    // create; empty: the time
  std::string folder;  // verify, restore: of the backup
  std::string data;    // restore: of the new store
  bool json = false;
};
int Backup(const BackupOptions& options);

struct ReadyOptions {
  Connection connection;  // without a key
  bool json = false;
};
int Ready(const ReadyOptions& options);

struct PrivacyOptions {
  Connection connection;
  std::string action;     // "export" | "erase"
  std::string unit;       // its id; empty: of a member
  std::string member;     // theirs
  std::string attribute;  // what that is the value of: "key"
  std::string project;    // empty: all
  bool no_mentions = false;
  bool yes = false;  // erase, and not only say what would be erased
  bool json = false;
};
int Privacy(const PrivacyOptions& options);

struct EventsOptions {
  Connection connection;
  std::string action;  // "import" | "export"
  std::string file;    // import: FILE.csv or FILE.jsonl
  std::string exposure_columns;
  std::vector<std::string> metric_columns;
  std::string control;
  std::vector<std::string> weights;  // "gate_30=50%"
  std::string experiment;
  std::uint32_t iteration = 0;  // 0: the newest
  std::string project;
  std::string environment;  // import: empty, it is computed here and no server is asked
  std::string format;       // export: "jsonl" | "csv"
  bool json = false;
};
int Events(const EventsOptions& options);

struct FlagOptions {
  Connection connection;
  std::string action;  // "get" | "list" | "history" | "revert"
  bool on = false;
  std::string project;
  std::string environment;
  std::string flag;
  std::optional<Revision> revision;  // get: as of; revert: to
  std::string comment;               // on, off, revert
  std::size_t limit = 20;            // changes of a history
  bool yes = false;                  // revert: write, and not only say what would change
  WriteOptions write;                // on, off, revert
  bool json = false;
};
int Flag(const FlagOptions& options);  // on, off

struct RampOptions {
  Connection connection;
  std::string action;  // "status" | "pause" | "resume" | "abort" | "finish"
  std::string project;
  std::string environment;
  std::string flag;
  std::string rule;  // empty: the only one that has a ramp there
  std::string comment;
  WriteOptions write;  // emergency and reason
  bool json = false;
};
int FlagRamp(const RampOptions& options);
int FlagView(const FlagOptions& options);

struct ExperimentOptions {
  Connection connection;
  // "start" | "pause" | "resume" | "stop" | "conclude" | "rollback" | "ramp" | "status" | "list"
  std::string action;
  std::string project;
  std::string environment;  // list; empty: all
  std::string experiment;
  std::string at;                 // start: RFC 3339; empty: now
  bool new_salt = false;          // start, once it has run: with assignments of its own, which is the default; or …
  bool keep_assignments = false;  // … with those of before
  std::string ship;               // conclude: the winning variant; empty: nobody has won
  bool no_winner = false;
  std::string decision;
  bool check = false;  // start: say what to look at before, and write nothing; with what is known
  std::string daily_units, baseline, deviation;
  std::string ramp;  // ramp: "pause" | "resume" | "step" | "finish"
  std::string comment;
  WriteOptions write;  // all but list and status; request: not of ramp and rollback
  bool json = false;
};
int Experiments(const ExperimentOptions& options);

struct ChangeOptions {
  Connection connection;
  // "open" | "list" | "show" | "approve" | "reject" | "comment" | "apply" | "withdraw" | "rebase" | "schedule"
  std::string action;
  std::string project;
  std::uint64_t number = 0;
  std::string file;           // open: JSON, {"changes": …}
  std::string state;          // list; "live": not closed; "all"
  std::string text;           // comment, approve
  std::uint64_t version = 0;  // approve: the one that was looked at; 0: is asked for at a terminal
  std::uint64_t remove = 0;   // comment: takes back this one
  bool never = false;         // schedule: no time any more
  WriteOptions write;         // open: request, description, at; reject: reason; apply: emergency; schedule: at
  bool json = false;
};
int Change(const ChangeOptions& options);

struct CommentOptions {
  Connection connection;
  std::string project;
  std::string flag;
  std::string text;          // empty: shows them
  std::uint64_t remove = 0;  // takes back this one
  bool json = false;
};
int Comment(const CommentOptions& options);

struct AuditOptions {
  Connection connection;
  std::string action;  // "log" | "export" | "verify"
  // log
  std::string project;  // empty: all
  std::string principal, of_action, kind, subject, environment, since, until;
  std::size_t limit = 50;
  // export
  std::string output;  // empty: standard output
  // verify
  std::string file;                      // empty: the server
  std::vector<std::string> public_keys;  // a file, or hex digits
  std::vector<std::string> checkpoints;  // files
  bool json = false;
};
int Audit(const AuditOptions& options);

// How far a revision has to come.
struct PropagationGoal {
  std::string revision;                // "head", or a number
  std::string release;                 // processes of this version of the application alone; empty: all
  std::uint32_t min_share = 0;         // of the live processes, in parts of 100 000
  std::int64_t min_live = 1;           // nobody live is no proof of anything
  std::chrono::milliseconds wait{};    // 0: one look
  std::chrono::milliseconds settle{};  // after a start the server must have listened for so long
};

struct PropagationOptions {
  Connection connection;
  std::string project;
  std::string environment;
  PropagationGoal goal;
  bool json = false;
};
int Propagation(const PropagationOptions& options);

struct GenerateOptions {
  std::string folder;
  std::string output;  // empty: standard output
  std::string name_space;
  bool check = false;
  bool json = false;
};
int Generate(const GenerateOptions& options);

// Of two arms that are compared: how many units, and either how many of them converted or the mean and the standard
// deviation of what is measured.
struct StatsArm {
  double units = 0;
  std::optional<double> conversions;
  double mean = 0;
  double stddev = 0;
};
// "20034/44700" (conversions/units) or "44700:52.46:256.7" (units:mean:standard deviation); nothing for other text.
std::optional<StatsArm> ParseStatsArm(std::string_view text);
// "4.5%", "0.045", "1200"; nothing for what is no number, or not finite.
std::optional<double> ParseQuantity(std::string_view text);

struct StatsOptions {
  std::string action;  // "power" | "sample-size" | "srm" | "compare"
  // power, sample-size
  std::optional<double> baseline;      // conversion rate, or
  std::optional<double> mean, stddev;  // of a number per unit
  double lift = 0;                     // that is true, or is to be found
  double units = 0;                    // power: of all variants
  double power = 0.8;
  std::size_t variants = 2;  // control among them
  bool bonferroni = false;   // alpha is shared by the comparisons with control
  std::string method;        // "group_sequential" | "sequential" | "fixed"
  std::size_t looks = 14;
  double correlation = 0;       // of the covariate, for CUPED
  std::optional<double> daily;  // sample-size: new units a day
  // all but srm
  double alpha = 0.05;
  std::vector<double> counts, weights;  // srm; no weights: even ones
  StatsArm control, treatment;          // compare
  bool exact = false;                   // compare: by every method for shares
  bool json = false;
};
int Stats(const StatsOptions& options);

struct ExperimentReportOptions {
  Connection connection;
  std::string project;
  std::string environment;  // empty: that of the experiment
  std::string experiment;
  std::uint32_t iteration = 0;          // 0: the newest
  std::string html;                     // a file for the page; empty: none
  std::chrono::milliseconds every{};    // watch: between two readings
  std::chrono::milliseconds at_most{};  // watch: ends after so long
  bool json = false;
};
int ExperimentReport(const ExperimentReportOptions& options);
int ExperimentWatch(const ExperimentReportOptions& options);

// Flags that could be removed: those of a workspace, or else of the server.
struct StaleOptions {
  Connection connection;
  std::string project;
  std::string workspace;          // empty: what the server has
  std::vector<std::string> code;  // folders and files; empty: no code is looked at
  std::string code_config;        // which functions read flags; empty: refs.yaml of the workspace, or those of the SDKs
  bool offline = false;           // no server is asked
  std::uint64_t days = 30;
  std::uint64_t least = 100;  // evaluations
  std::string issue_body;     // a flag: what an issue of it says; empty: all that were found
  bool check = false;         // finding some is a problem
  std::string now;            // RFC 3339; empty: the present
  bool json = false;
};
int FindStaleFlags(const StaleOptions& options);

// Of a workspace, offline; or of an experiment.
struct GateOptions {
  std::string environment;
  std::string policy;             // a file; empty: gate.yaml of the workspace, or the default
  std::string workspace;          // empty: no files are looked at
  std::vector<std::string> code;  // folders and files; empty: no code is looked at
  std::string code_config;        // which functions read flags; empty: refs.yaml of the workspace, or those of the SDKs
  bool offline = false;           // no server is asked
  std::string snapshot;           // a ruleset file to compare the workspace with; empty: the server
  std::string contexts;           // JSONL; empty: nobody is counted
  bool prune = false;             // what was applied and is gone from the files counts as archived
  Connection connection;
  std::string project;
  std::string experiment;                            // of the environment that one alone; empty: all of it
  PropagationGoal goal;                              // without a revision nobody is waited for
  bool has_min_share = false, has_min_live = false;  // whether it was said, and the policy has nothing to say
  std::string receipt;                               // a file for the signed record; empty: none is demanded
  std::string now;                                   // RFC 3339; empty: the present
  // At most one of them: for people on a terminal without any.
  bool json = false, sarif = false, junit = false, codequality = false, markdown = false, github = false;
  std::string output;             // a file; empty: standard output
  std::vector<std::string> also;  // "FORMAT=FILE": written there, too
};
int Gate(const GateOptions& options);
// The formats of `also`: "table", and what the options are called.
std::vector<std::string> GateFormats();

}  // namespace guidon::cli
