#include "cli/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <type_traits>
#include <vector>

#include "cli/login.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/model/units.h"

namespace guidon::cli {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 pass, 1 problem found (also what the server refuses for its\n"
    "            state or its faults: a conflict, an invalid definition), 2 usage\n"
    "            error, unreadable input, or what is not there or not allowed,\n"
    "            3 hold (not far enough yet), 4 server unreachable or failing.";

constexpr std::size_t kHelpWidth = 80;   // columns of a terminal, and of what is pasted from it
constexpr std::size_t kHelpColumn = 26;  // where descriptions begin

// Breaks descriptions into lines that a terminal shows whole. Leaves the list of what excludes what to the error that
// says so.
class Formatter : public CLI::Formatter {
 public:
  Formatter() { column_width(kHelpColumn); }
  // CLI11 indents what comes after a line break by itself.
  std::string make_option_desc(const CLI::Option* option) const override {
    return Wrapped(option->get_description(), 0, kHelpWidth - kHelpColumn);
  }
  std::string make_subcommand(const CLI::App* verb) const override {
    std::ostringstream out;
    CLI::detail::format_help(out, verb->get_name(), Wrapped(verb->get_description(), 0, kHelpWidth - kHelpColumn),
                             kHelpColumn);
    return out.str();
  }
  std::string make_description(const CLI::App* verb) const override {
    return Wrapped(verb->get_description(), 0, kHelpWidth) + "\n";
  }
  // Between two groups there is one empty line: each begins with its own.
  std::string make_help(const CLI::App* verb, std::string name, CLI::AppFormatMode mode) const override {
    std::string text = CLI::Formatter::make_help(verb, std::move(name), mode);
    for (std::size_t at; (at = text.find("\n\n\n")) != std::string::npos;) text.erase(at, 1);
    return text;
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    std::string text;
    if (!option->get_type_name().empty()) text += " " + option->get_type_name();
    if (!option->get_envname().empty()) text += " ($" + option->get_envname() + ")";
    if (!option->get_default_str().empty()) text += " [" + option->get_default_str() + "]";
    return text;
  }
};

// One of these words.
std::function<std::string(const std::string&)> OneOf(std::vector<std::string> words) {
  return [words = std::move(words)](const std::string& text) {
    if (std::find(words.begin(), words.end(), text) != words.end()) return std::string();
    std::string list = words.front();
    for (std::size_t i = 1; i < words.size(); ++i) list += (i + 1 < words.size() ? ", " : " or ") + words[i];
    return "'" + text + "' is not " + list;
  };
}

// ---- Options that several verbs have -----------------------------------------------------------------------------

void AddConnection(CLI::App& verb, Connection& connection) {
  verb.add_option("--server", connection.server, "Address of guidond")
      ->envname("GUIDON_SERVER")
      ->default_val("http://127.0.0.1:8400")
      ->type_name("URL")
      ->group("Server");
  // By the environment rather than here, where every process of this machine may read it.
  verb.add_option("--key", connection.key, "Admin key; better given as GUIDON_KEY")
      ->envname("GUIDON_KEY")
      ->type_name("KEY")
      ->group("Server");
  verb.add_option("--ca", connection.ca, "PEM file of whom to trust, if not the system's")
      ->envname("GUIDON_CA")
      ->type_name("FILE")
      ->group("Server");
  verb.add_option("--cert", connection.cert, "PEM file of a certificate to show")
      ->envname("GUIDON_CERT")
      ->type_name("FILE")
      ->group("Server");
  verb.add_option("--cert-key", connection.cert_key, "PEM file of its key")
      ->envname("GUIDON_CERT_KEY")
      ->type_name("FILE")
      ->group("Server");
}

void AddJson(CLI::App& verb, bool& json) {
  verb.add_flag("--json", json, "Say it in JSON, for programs");
}

CLI::Option* AddProject(CLI::App& verb, std::string& project) {
  return verb.add_option("--project,-p", project, "Project; may be left out where the server has one only")
      ->envname("GUIDON_PROJECT")
      ->type_name("PROJECT");
}

CLI::Option* AddEnvironment(CLI::App& verb, std::string& environment) {
  return verb.add_option("--environment,-e", environment, "Environment")
      ->envname("GUIDON_ENVIRONMENT")
      ->type_name("ENVIRONMENT");
}

// Past the approvals that protected environments take.
void AddEmergency(CLI::App& verb, WriteOptions& write) {
  CLI::Option* emergency =
      verb.add_flag("--emergency", write.emergency, "Alter protected environments without approvals")
          ->group("Protected environments");
  CLI::Option* reason = verb.add_option("--reason", write.reason, "Why it cannot wait, for the audit log")
                            ->type_name("TEXT")
                            ->group("Protected environments");
  emergency->needs(reason);
  reason->needs(emergency);
}

// How a verb that writes does it.
void AddWrite(CLI::App& verb, WriteOptions& write) {
  CLI::Option* request = verb.add_option("--request", write.request, "Open a change request, rather than write")
                             ->type_name("TITLE")
                             ->group("Protected environments");
  verb.add_option("--at", write.at, "When the server applies that: 2027-03-31T08:00:00Z")
      ->type_name("TIME")
      ->needs(request)
      ->group("Protected environments");
  AddEmergency(verb, write);
  verb.get_option("--emergency")->excludes(request);
}

CLI::Option* AddFolder(CLI::App& verb, std::string& folder) {
  return verb.add_option("DIR", folder, "Workspace folder: where guidon.yaml is")->type_name("")->required();
}

// ---- Verbs -------------------------------------------------------------------------------------------------------

// What was asked for; filled while the arguments are read, called afterwards.
using Run = std::function<int()>;

// The options of a verb live as long as the program reads and runs it. `check` sees them when all are read.
template <typename Options>
std::shared_ptr<Options> On(CLI::App& verb, Run& run, int (*call)(const Options&),
                            std::type_identity_t<std::function<void(Options&)>> check = nullptr) {
  auto options = std::make_shared<Options>();
  verb.callback([&run, options, call, check] {
    if (check) check(*options);
    run = [options, call] { return call(*options); };
  });
  return options;
}

void AddValidate(CLI::App& app, Run& run) {
  CLI::App* verb = app.add_subcommand("validate", "Check a workspace: every fault, each with its place");
  const auto options = On(*verb, run, &Validate);
  AddFolder(*verb, options->folder);
  AddJson(*verb, options->json);
}

void AddFmt(CLI::App& app, Run& run) {
  CLI::App* verb = app.add_subcommand("fmt", "Bring YAML into its one layout; what it says and its comments stay");
  const auto options = On<FmtOptions>(*verb, run, &Fmt, [](FmtOptions& read) {
    if (read.paths.empty() != read.from_stdin) {
      throw CLI::ValidationError("fmt", "name folders or files, or --stdin in their place");
    }
  });
  verb->add_option("paths", options->paths, "Folders, with all YAML below, and files")->type_name("DIR|FILE");
  verb->add_flag("--check", options->check, "Write nothing; exit 1 and list what is not in the layout");
  verb->add_flag("--diff", options->diff, "Write nothing; exit 1 and show what would change");
  verb->add_flag("--stdin", options->from_stdin, "From standard input to standard output");
}

void AddLsp(CLI::App& app, Run& run) {
  CLI::App* verb =
      app.add_subcommand("lsp", "Help an editor with YAML: a language server on standard input and output");
  const auto options = On(*verb, run, &Lsp);
  verb->add_flag_callback(
      "--stdio", [] {}, "Does nothing; some editors say it");
  AddConnection(*verb, options->connection);
  // Nobody is asked who was not named.
  verb->get_option("--server")->default_str("");
  options->connection.server.clear();
}

void AddLint(CLI::App& app, Run& run) {
  CLI::App* verb = app.add_subcommand("lint", "Say what can be written plainer and mean the same; --fix does it");
  const auto options = On<LintOptions>(*verb, run, &Lint, [](LintOptions& read) {
    if (read.paths.empty() != read.rules) throw CLI::ValidationError("lint", "name folders or files, or --rules");
  });
  verb->add_option("paths", options->paths, "Folders, with all YAML below, and files")->type_name("DIR|FILE");
  verb->add_flag("--rules", options->rules, "List what is asked");
  verb->add_option("--skip", options->skip, "Do not ask this rule; may be given again")
      ->type_name("RULE")
      ->expected(1)
      ->take_all();
  CLI::Option* fix = verb->add_flag("--fix", options->fix, "Write what can be done");
  verb->add_flag("--diff", options->diff, "Show what --fix would write")->excludes(fix);
  AddJson(*verb, options->json);
}

void AddTest(CLI::App& app, Run& run) {
  CLI::App* verb = app.add_subcommand("test", "Run the tests of a workspace");
  const auto options = On(*verb, run, &Test);
  AddFolder(*verb, options->folder);
  verb->add_option("--filter", options->filter, "Only tests with this in their flag, description or file")
      ->type_name("TEXT");
  verb->add_option("--now", options->now, "As if it were this time, for tests that do not say")->type_name("TIME");
  verb->add_flag("--coverage", options->coverage, "List the rules that no test has seen decide");
  verb->add_option_function<std::string>(
          "--require-coverage",
          [options](const std::string& text) {
            options->require_coverage = ParsePercent(text);
            if (!options->require_coverage)
              throw CLI::ValidationError("--require-coverage", "'" + text + "' is no share such as 90%");
          },
          "Fail when a smaller share of them is covered")
      ->type_name("SHARE");
  verb->add_flag("--watch", options->watch, "Run them again whenever a file changes, until ctrl-c");
  AddJson(*verb, options->json);
}

void AddPlan(CLI::App& app, Run& run) {
  CLI::App* verb = app.add_subcommand("plan", "Show what `apply` would change, and who would move");
  const auto options = On(*verb, run, &Plan);
  AddFolder(*verb, options->folder);
  CLI::Option* snapshot =
      verb->add_option("--snapshot", options->snapshot, "Compare with this exported file, not the server")
          ->type_name("FILE");
  verb->add_option("--contexts", options->contexts, R"(Count who moves among these: a line {"key": …} each)")
      ->type_name("FILE.jsonl");
  // Only the server knows what was applied.
  verb->add_flag("--prune", options->prune, "Archive what was applied and is gone from the files")->excludes(snapshot);
  AddConnection(*verb, options->connection);
  AddJson(*verb, options->json);
}

void AddApply(CLI::App& app, Run& run) {
  CLI::App* verb = app.add_subcommand("apply", "Bring a project to what a workspace says, in one go");
  const auto options = On(*verb, run, &Apply);
  AddFolder(*verb, options->folder);
  verb->add_flag("--prune", options->prune, "Archive what was applied and is gone from the files");
  verb->add_option("--comment", options->comment, "Why, for the audit log")->type_name("TEXT");
  AddWrite(*verb, options->write);
  verb->add_flag("--approved", options->approved, "Where it takes approval, apply the approved request that does it")
      ->excludes(verb->get_option("--request"))
      ->excludes(verb->get_option("--emergency"))
      ->group("Protected environments");
  AddConnection(*verb, options->connection);
  AddJson(*verb, options->json);
}

void CheckPromote(const PromoteOptions& options) {
  if (options.from == options.to) throw CLI::ValidationError("--to", "it is the same environment as --from");
}

void AddPromote(CLI::App& app, Run& run) {
  CLI::App* verb = app.add_subcommand("promote", "Bring what flags say in one environment to another");
  const auto options = On(*verb, run, &Promote, &CheckPromote);
  verb->add_option("--from", options->from, "Environment that it comes from")->type_name("ENVIRONMENT")->required();
  verb->add_option("--to", options->to, "Environment that it goes to")->type_name("ENVIRONMENT")->required();
  verb->add_option("--flag,-f", options->flags, "Only this flag; may be given again")
      ->type_name("FLAG")
      ->expected(1)
      ->take_all();
  CLI::Option* workspace =
      verb->add_option("--workspace,-w", options->workspace, "In the files of this folder, without a server")
          ->type_name("DIR");
  verb->add_option("--policy", options->policy,
                   "What the gate demands; left out, gate.yaml of the workspace, or the default")
      ->type_name("FILE");
  verb->add_option("--contexts", options->contexts, R"(Count who moves among these: a line {"key": …} each)")
      ->type_name("FILE.jsonl");
  verb->add_flag("--overwrite", options->overwrite, "Take all of it, whatever was changed where it goes to");
  verb->add_flag("--yes", options->yes, "Write it; without, it is only shown");
  verb->add_option("--now", options->now, "As if it were this time: windows and waivers")->type_name("TIME");
  verb->add_option("--comment", options->comment, "Why, for the audit log")->type_name("TEXT");
  AddWrite(*verb, options->write);
  verb->get_option("--request")->excludes(workspace);
  verb->get_option("--emergency")->excludes(workspace);
  AddProject(*verb, options->project);
  AddConnection(*verb, options->connection);
  AddJson(*verb, options->json);
}

void CheckEvaluate(const EvaluateOptions& options) {
  if (options.ruleset.empty() && options.snapshot.empty() && options.environment.empty())
    throw CLI::RequiredError("--environment");
}

CLI::Option* AddContext(CLI::App& verb, std::string& context) {
  return verb.add_option("--context,-c", context, R"(Who asks: {"key": "user-42", "country": "DE"})")
      ->check(CLI::Validator(
          [](const std::string& text) {
            return text.empty() ? std::string("an empty text is no context; {} is nobody, and so is leaving it out")
                                : std::string();
          },
          ""))
      ->type_name("JSON");
}

void AddNow(CLI::App& verb, std::string& now) {
  verb.add_option("--now", now, "As if it were this time: 2027-03-31T08:00:00Z")->type_name("TIME");
}

// Whose rules are asked.
void AddSource(CLI::App& verb, EvaluateOptions& options) {
  CLI::Option* workspace =
      verb.add_option("--workspace,-w", options.workspace, "Ask the files of this workspace, not the server")
          ->type_name("DIR");
  CLI::Option* ruleset =
      verb.add_option("--ruleset", options.ruleset, "Ask this file, from `guidon export`, not the server")
          ->type_name("FILE")
          ->excludes(workspace);
  verb.add_option("--snapshot", options.snapshot, "With -w: on the ranges of this exported file")
      ->type_name("FILE")
      ->needs(workspace);
  AddProject(verb, options.project);
  AddEnvironment(verb, options.environment);
  CLI::Option* revision = verb.add_option("--revision", options.revision, "As the server had it at this revision")
                              ->type_name("N")
                              ->excludes(workspace)
                              ->excludes(ruleset);
  verb.add_option("--at", options.at, "As the server had it then: 2027-03-31T08:00:00Z")
      ->type_name("TIME")
      ->excludes(workspace)
      ->excludes(ruleset)
      ->excludes(revision);
}

void AddEvaluate(CLI::App& app, Run& run) {
  CLI::App* verb = app.add_subcommand("evaluate", "Show what a context is served, and why");
  const auto options = On(*verb, run, &Evaluate, &CheckEvaluate);
  verb->add_option("--flag,-f", options->flag, "Flag; left out, all of them")->type_name("KEY");
  CLI::Option* context = AddContext(*verb, options->context);
  verb->add_option("--cases", options->cases, R"(Many: a line {"flag": "KEY", "context": {…}} for each)")
      ->type_name("FILE.jsonl")
      ->excludes(context);
  AddNow(*verb, options->now);
  verb->add_flag("--explain", options->explain, "With every step that led to the answer");
  AddSource(*verb, *options);
  AddConnection(*verb, options->connection);
  AddJson(*verb, options->json);
}

void AddExplain(CLI::App& app, Run& run) {
  CLI::App* verb = app.add_subcommand("explain", "Say in words why a context is served what it is served");
  const auto options = On(*verb, run, &Evaluate, &CheckEvaluate);
  options->explain = options->in_words = true;
  verb->add_option("FLAG", options->flag, "Flag")->type_name("")->required();
  AddContext(*verb, options->context);
  AddNow(*verb, options->now);
  AddSource(*verb, *options);
  AddConnection(*verb, options->connection);
  AddJson(*verb, options->json);
}

void CheckSimulate(const SimulateOptions& options) {
  if (options.contexts.empty() == options.population.empty()) {
    throw CLI::ValidationError("simulate", "say for whom: --contexts FILE.jsonl or --population SPEC");
  }
  if (options.ruleset.empty() && options.snapshot.empty() && options.environment.empty()) {
    throw CLI::RequiredError("--environment");
  }
}

void AddSimulate(CLI::App& app, Run& run) {
  CLI::App* verb = app.add_subcommand("simulate", "Count what a flag serves to many, and who moves by a change");
  const auto options = On(*verb, run, &Simulate, &CheckSimulate);
  verb->add_option("FLAG", options->flag, "Flag")->type_name("")->required();
  verb->add_option("--contexts", options->contexts, R"(For these: a line {"key": …} each)")->type_name("FILE.jsonl");
  verb->add_option("--population", options->population, "For units that this YAML makes up: a file, or '{…}'")
      ->type_name("SPEC");
  CLI::Option* workspace =
      verb->add_option("--workspace,-w", options->workspace, "Before and after these files are applied to the server")
          ->type_name("DIR");
  CLI::Option* snapshot =
      verb->add_option("--snapshot", options->snapshot, "With -w: applied to this exported file, not the server")
          ->type_name("FILE")
          ->needs(workspace);
  verb->add_flag("--offline", options->offline, "With -w: what the files alone give, compared with nothing")
      ->needs(workspace)
      ->excludes(snapshot);
  CLI::Option* ruleset = verb->add_option("--ruleset", options->ruleset, "Of this exported file, not the server")
                             ->type_name("FILE")
                             ->excludes(workspace);
  AddProject(*verb, options->project);
  AddEnvironment(*verb, options->environment);
  AddNow(*verb, options->now);
  CLI::Option* revision = verb->add_option("--revision", options->revision, "As the server had it at this revision")
                              ->type_name("N")
                              ->excludes(workspace)
                              ->excludes(ruleset);
  verb->add_option("--at", options->at, "As the server had it then: 2027-03-31T08:00:00Z")
      ->type_name("TIME")
      ->excludes(workspace)
      ->excludes(ruleset)
      ->excludes(revision);
  AddConnection(*verb, options->connection);
  AddJson(*verb, options->json);
}

void AddExport(CLI::App& app, Run& run) {
  CLI::App* verb = app.add_subcommand("export", "Write an environment's ruleset to a file");
  const auto options = On(*verb, run, &Export);
  verb->add_option("--output,-o", options->output, "File to write; left out, standard output")->type_name("FILE");
  CLI::Option* workspace =
      verb->add_option("--workspace,-w", options->workspace, "From the files of this workspace, not the server")
          ->type_name("DIR");
  AddProject(*verb, options->project);
  AddEnvironment(*verb, options->environment)->required();
  verb->add_option("--revision", options->revision, "As the server had it at this revision")
      ->type_name("N")
      ->excludes(workspace);
  AddConnection(*verb, options->connection);
  AddJson(*verb, options->json);
}

// What the environment says, unless it was typed.
void TakeVariable(const char* name, std::string& value) {
  if (const char* held = std::getenv(name); value.empty() && held != nullptr) value = held;
}

void CheckKey(KeyOptions& options) {
  if (!options.all_projects) TakeVariable("GUIDON_PROJECT", options.project);
  if (options.action == "create" && options.kind != "admin") TakeVariable("GUIDON_ENVIRONMENT", options.environment);
  if (options.action == "create" && options.kind != "admin" && options.environment.empty()) {
    throw CLI::RequiredError("--environment");
  }
  if (!options.expires_in.empty() && !ParseDuration(options.expires_in)) {
    throw CLI::ValidationError("--expires-in", "'" + options.expires_in + "' is not a duration such as 90d");
  }
  if (!options.overlap.empty() && !ParseDuration(options.overlap)) {
    throw CLI::ValidationError("--overlap", "'" + options.overlap + "' is not a duration such as 24h");
  }
}

void AddKey(CLI::App& app, Run& run) {
  CLI::App* keys = app.add_subcommand("key", "Create, list, rotate and revoke API keys");
  keys->require_subcommand(1);
  const std::map<std::string, std::string> actions = {{"create", "Make a key; it is shown once"},
                                                      {"list", "Show all keys, without their secrets"},
                                                      {"revoke", "End a key, and the streams that it opened"},
                                                      {"rotate", "Make a key that takes the place of another one"}};
  for (const auto& [action, help] : actions) {
    CLI::App* verb = keys->add_subcommand(action, help);
    const auto options = On(*verb, run, &Key, &CheckKey);
    options->action = action;
    if (action == "create") {
      verb->add_option("--kind", options->kind, "server, relay: all rules; client: pages; events; admin")
          ->check(OneOf({"server", "client", "relay", "events", "admin"}))
          ->default_val("server")
          ->type_name("KIND");
      verb->add_option("--role", options->role, "Of an admin key: viewer, editor, …; else owner")->type_name("ROLE");
      verb->add_option("--member", options->member, "Whose admin key it is; it may do no more than they")
          ->type_name("ID");
      verb->add_option("--description", options->description, "What it is for")->type_name("TEXT");
      verb->add_option("--expires-in", options->expires_in, "How long it is valid, such as 90d; for ever without it")
          ->type_name("DURATION");
      // CheckKey takes the variable: what an admin key may do must not be less because of one.
      AddEnvironment(*verb, options->environment)
          ->description("Environment; of an admin key only if typed, else all")
          ->envname("")
          ->type_name("ENVIRONMENT ($GUIDON_ENVIRONMENT)");
    }
    if (action == "rotate") {
      verb->add_option("--overlap", options->overlap, "How long the old one stays valid beside it")
          ->default_val("24h")
          ->type_name("DURATION");
    }
    if (action == "revoke" || action == "rotate") {
      verb->add_option("ID", options->id, "Which, as `guidon key list` shows it")->type_name("")->required();
    }
    // So, too: who types --all-projects is not to be told of a project that they did not.
    CLI::Option* project = AddProject(*verb, options->project)->envname("")->type_name("PROJECT ($GUIDON_PROJECT)");
    verb->add_flag("--all-projects", options->all_projects, "Admin keys of all projects")->excludes(project);
    AddConnection(*verb, options->connection);
    AddJson(*verb, options->json);
  }
}

void AddMember(CLI::App& app, Run& run) {
  CLI::App* members = app.add_subcommand("member", "The people who may do something here");
  members->require_subcommand(1);
  const std::map<std::string, std::string> actions = {
      {"add", "Add a member, or say anew who they are and what they may do"},
      {"list", "Show all members with their roles"},
      {"remove", "Remove a member, and revoke their keys"}};
  for (const auto& [action, help] : actions) {
    CLI::App* verb = members->add_subcommand(action, help);
    const auto options = On(*verb, run, &Members);
    options->action = action;
    if (action != "list") {
      verb->add_option("ID", options->id, "A short name, such as ana")->type_name("")->required();
    }
    if (action == "add") {
      verb->add_option("--name", options->name, "Their full name")->type_name("TEXT")->required();
      verb->add_option("--email", options->email, "Their address")->type_name("ADDRESS");
      verb->add_option("--role", options->roles, "ROLE[@PROJECT[/ENVIRONMENT]]; any number of them")->type_name("ROLE");
    }
    AddConnection(*verb, options->connection);
    AddJson(*verb, options->json);
  }
}

void AddLogin(CLI::App& app, Run& run) {
  CLI::App* login = app.add_subcommand("login", "Sign in, so that the other verbs need no key");
  const auto in = On(*login, run, &Login);
  login->add_flag("--break-glass", in->break_glass, "By the server's emergency password, from standard input");
  login->add_flag("--no-browser", in->no_browser, "Print the address, and open nothing");
  AddConnection(*login, in->connection);
  AddJson(*login, in->json);
  CLI::App* logout = app.add_subcommand("logout", "End the session that `login` began");
  const auto out = On(*logout, run, &Logout);
  AddConnection(*logout, out->connection);
  AddJson(*logout, out->json);
}

void AddRole(CLI::App& app, Run& run) {
  CLI::App* roles = app.add_subcommand("role", "What members and admin keys may do");
  roles->require_subcommand(1);
  const std::map<std::string, std::string> actions = {{"set", "Make a role, or change what all who have it may do"},
                                                      {"list", "Show all roles with their verbs"},
                                                      {"remove", "Remove a role of your own that nobody has"}};
  for (const auto& [action, help] : actions) {
    CLI::App* verb = roles->add_subcommand(action, help);
    const auto options = On(*verb, run, &Roles);
    options->action = action;
    if (action != "list") {
      verb->add_option("NAME", options->name, "A short name, such as analyst")->type_name("")->required();
    }
    if (action == "set") {
      verb->add_option("--verbs", options->verbs, "All that it may do: definitions.read,events.read")
          ->type_name("LIST")
          ->delimiter(',')
          ->required();
      verb->add_option("--description", options->description, "Whom it is for")->type_name("TEXT");
    }
    AddConnection(*verb, options->connection);
    AddJson(*verb, options->json);
  }
}

void AddWebhook(CLI::App& app, Run& run) {
  CLI::App* webhooks = app.add_subcommand("webhook", "Tell other systems of changes");
  webhooks->require_subcommand(1);
  const std::map<std::string, std::string> actions = {{"add", "Send a message for each change; shows its secret once"},
                                                      {"list", "Show all, and how far each has been told"},
                                                      {"ping", "Send a message now, and say what became of it"},
                                                      {"remove", "Send it nothing any more"}};
  for (const auto& [action, help] : actions) {
    CLI::App* verb = webhooks->add_subcommand(action, help);
    const auto options = On(*verb, run, &Webhook);
    options->action = action;
    if (action == "add") {
      verb->add_option("URL", options->url, "Where to: https, of the public internet")->type_name("")->required();
      verb->add_option("--event", options->events, "Of what, such as flag.*; may be repeated; else of all")
          ->type_name("EVENT");
      verb->add_option("--format", options->format, "json: for programs; slack: a line of text")
          ->check(OneOf({"json", "slack"}))
          ->default_val("json")
          ->type_name("FORMAT");
      verb->add_option("--description", options->description, "What it is for")->type_name("TEXT");
    }
    if (action == "remove" || action == "ping") {
      verb->add_option("ID", options->id, "Which, as `guidon webhook list` shows it")->type_name("")->required();
    }
    AddProject(*verb, options->project);
    verb->add_flag("--all-projects", options->all_projects, "Of all projects, with a key of all projects");
    AddConnection(*verb, options->connection);
    AddJson(*verb, options->json);
  }
}

void AddBackup(CLI::App& app, Run& run) {
  CLI::App* backups = app.add_subcommand("backup", "Make, list, check and restore backups of the server");
  backups->require_subcommand(1);
  const std::map<std::string, std::string> actions = {
      {"create", "Have the server make one, in its backup-folder, while it runs"},
      {"list", "Show those in the server's backup-folder"},
      {"restore", "Make a new store of one; needs guidond, here"},
      {"verify", "Say whether one is whole; needs guidond, here"}};
  for (const auto& [action, help] : actions) {
    CLI::App* verb = backups->add_subcommand(action, help);
    const auto options = On(*verb, run, &Backup);
    options->action = action;
    const bool is_remote = action == "create" || action == "list";
    if (action == "create") {
      verb->add_option("--name", options->name, "Its name; left out, the time: 20270131T080000Z")->type_name("NAME");
    }
    if (!is_remote) verb->add_option("FOLDER", options->folder, "Of the backup")->type_name("")->required();
    if (action == "restore") {
      verb->add_option("--data", options->data, "Folder of the new store")->type_name("DIR")->required();
    }
    if (is_remote) AddConnection(*verb, options->connection);
    AddJson(*verb, options->json);
  }
}

void AddReady(CLI::App& app, Run& run) {
  CLI::App* verb = app.add_subcommand("ready", "Say whether the server serves; needs no key");
  const auto options = On(*verb, run, &Ready);
  AddConnection(*verb, options->connection);
  AddJson(*verb, options->json);
}

void AddFlagRamp(CLI::App& flags, Run& run) {
  CLI::App* verb = flags.add_subcommand("ramp", "Show where a flag's ramp stands, hold it, let it go on, end it");
  const auto options = On(*verb, run, &FlagRamp);
  verb->add_option("FLAG", options->flag, "Key of the flag")->type_name("")->required();
  verb->add_option("ACTION", options->action, "status, pause, resume, abort: back to nobody, finish: to the end")
      ->check(OneOf({"status", "pause", "resume", "abort", "finish"}))
      ->type_name("")
      ->default_val("status");
  verb->add_option("--rule", options->rule, "Its rule; may be left out where only one has a ramp")->type_name("ID");
  AddEmergency(*verb, options->write);
  verb->add_option("--comment", options->comment, "Why, for the audit log")->type_name("TEXT");
  AddProject(*verb, options->project);
  AddEnvironment(*verb, options->environment)->required();
  AddConnection(*verb, options->connection);
  AddJson(*verb, options->json);
}

void CheckPrivacy(const PrivacyOptions& options) {
  if (options.unit.empty() && options.member.empty()) throw CLI::RequiredError("--unit or --member");
}

void AddPrivacy(CLI::App& app, Run& run) {
  CLI::App* privacy = app.add_subcommand("privacy", "Show and erase what is held of a unit or a member");
  privacy->require_subcommand(1);
  const std::map<std::string, std::string> actions = {
      {"erase", "Erase it everywhere, the past too; only counts, without --yes"},
      {"export", "Write all that names it, as JSON lines"}};
  for (const auto& [action, help] : actions) {
    CLI::App* verb = privacy->add_subcommand(action, help);
    const auto options = On(*verb, run, &Privacy, &CheckPrivacy);
    options->action = action;
    auto* unit = verb->add_option("--unit", options->unit, "Id of the unit, such as user-42")->type_name("ID");
    auto* attribute =
        verb->add_option("--attribute", options->attribute, "The attribute of contexts that it is the value of")
            ->default_val("key")
            ->type_name("NAME");
    // Not from GUIDON_PROJECT: what should go from everywhere must not stay elsewhere because of a variable.
    auto* project = verb->add_option("--project,-p", options->project, "Of this project alone; left out, of all")
                        ->type_name("PROJECT");
    auto* mentions = verb->add_flag("--no-mentions", options->no_mentions,
                                    "Leave texts for people, and other attributes of events, that name it");
    verb->add_option("--member", options->member,
                     action == "erase" ? "Id of a member instead, who was removed" : "Id of a member instead")
        ->type_name("ID")
        ->excludes(unit)
        ->excludes(attribute)
        ->excludes(project)
        ->excludes(mentions);
    if (action == "erase") {
      verb->add_flag("--yes", options->yes, "Erase; without, it only counts what would be erased");
    }
    AddConnection(*verb, options->connection);
    if (action == "erase") AddJson(*verb, options->json);
  }
}

void AddEvents(CLI::App& app, Run& run) {
  CLI::App* events = app.add_subcommand("events", "Take in experiments run elsewhere, write out exposures");
  events->require_subcommand(1);
  CLI::App* verb = events->add_subcommand("import", "Compute an experiment from a table, or send it to a server");
  const auto options = On(*verb, run, &Events);
  options->action = "import";
  verb->add_option("FILE", options->file, "FILE.csv, whose first row has the names, or FILE.jsonl")
      ->type_name("")
      ->required();
  verb->add_option("--exposure-columns", options->exposure_columns,
                   "unit=COLUMN,variant=COLUMN, and perhaps time=COLUMN, dimension=COLUMN, and cluster=COLUMN of shops "
                   "that were assigned as a whole")
      ->type_name("ROLE=COLUMN,…")
      ->required();
  verb->add_option("--metric-columns", options->metric_columns,
                   "Kinds: conversion, count, sum, mean, quantile, and of COLUMN/COLUMN ratio. After them, perhaps "
                   ":down, :cap=99.9%, :cap=500, :before=COLUMN, :at=95%, and :metric=KEY of a server")
      ->type_name("COLUMN:KIND,…")
      ->delimiter(',')
      ->required();
  verb->add_option("--control", options->control, "The variant to compare with; left out, the first by name")
      ->type_name("VARIANT");
  verb->add_option("--weights", options->weights, "Which shares were planned; left out, equal ones")
      ->type_name("VARIANT=SHARE,…")
      ->delimiter(',');
  verb->add_option("--experiment", options->experiment,
                   "What to call it; left out, as the file. With --environment, the experiment that it goes into")
      ->type_name("KEY");
  verb->add_option("--iteration", options->iteration, "With --environment: the newest, which it is without")
      ->type_name("N");
  AddProject(*verb, options->project);
  // Not from GUIDON_ENVIRONMENT: what was to be computed here must not be sent because of a variable.
  verb->add_option("--environment,-e", options->environment,
                   "Of a server: into the journal of that environment. Left out, nothing is sent")
      ->type_name("ENVIRONMENT");
  AddConnection(*verb, options->connection);
  AddJson(*verb, options->json);

  verb = events->add_subcommand("export", "Write the first exposure of each unit of an experiment");
  const auto exported = On(*verb, run, &Events);
  exported->action = "export";
  verb->add_option("--experiment", exported->experiment, "Its key, or holdout:NAME")->type_name("KEY")->required();
  verb->add_option("--iteration", exported->iteration, "Left out, the newest")->type_name("N");
  verb->add_option("--format", exported->format, "jsonl or csv. No Parquet: Debian 12 has no library for it")
      ->check(OneOf({"jsonl", "csv"}))
      ->default_val("jsonl");
  AddProject(*verb, exported->project);
  AddEnvironment(*verb, exported->environment)->required();
  AddConnection(*verb, exported->connection);
}

void AddFlag(CLI::App& app, Run& run) {
  CLI::App* flags = app.add_subcommand("flag", "Switch a flag, look at it, take it back to what it was");
  flags->require_subcommand(1);
  for (const bool on : {true, false}) {
    CLI::App* verb = flags->add_subcommand(on ? "on" : "off", on ? "Enable it in an environment: its rules decide"
                                                                 : "Disable it in an environment: all get its `off`");
    const auto options = On(*verb, run, &Flag);
    options->on = on;
    verb->add_option("FLAG", options->flag, "Key of the flag")->type_name("")->required();
    AddProject(*verb, options->project);
    AddEnvironment(*verb, options->environment)->required();
    verb->add_option("--comment", options->comment, "Why, for the audit log")->type_name("TEXT");
    AddWrite(*verb, options->write);
    AddConnection(*verb, options->connection);
    AddJson(*verb, options->json);
  }
  const std::map<std::string, std::string> views = {
      {"get", "Show a flag's definition, now or at a past revision"},
      {"history", "Show who changed a flag, when, why, and what"},
      {"list", "Show all flags and where they are on"},
      {"revert", "Bring a flag back to a revision; only shows, without --yes"}};
  for (const auto& [action, help] : views) {
    CLI::App* verb = flags->add_subcommand(action, help);
    const auto options = On(*verb, run, &FlagView);
    options->action = action;
    if (action != "list") {
      verb->add_option("FLAG", options->flag, "Key of the flag")->type_name("")->required();
    }
    if (action == "get") {
      verb->add_option("--revision", options->revision, "As it was at this revision")->type_name("N");
    }
    if (action == "history") {
      verb->add_option("--limit", options->limit, "So many changes at most, the newest")
          ->default_val(20)
          ->check(CLI::Range(1, 10'000))
          ->type_name("N");
    }
    if (action == "revert") {
      verb->add_option("--to", options->revision, "The revision that it goes back to")->type_name("N")->required();
      verb->add_flag("--yes", options->yes, "Write it; without, it is only shown");
      verb->add_option("--comment", options->comment, "Why, for the audit log")->type_name("TEXT");
      AddWrite(*verb, options->write);
    }
    AddProject(*verb, options->project);
    AddConnection(*verb, options->connection);
    AddJson(*verb, options->json);
  }
  AddFlagRamp(*flags, run);
}

void AddExperimentReport(CLI::App& experiments, Run& run, bool watches);

void CheckExperiment(const ExperimentOptions& options) {
  if (options.action == "conclude" && options.ship.empty() && !options.no_winner) {
    throw CLI::RequiredError("--ship or --no-winner");
  }
}

// What an action takes beside a key, a comment and how it is written.
void AddExperimentAction(CLI::App& verb, ExperimentOptions& options) {
  if (options.action == "start") {
    verb.add_option("--at", options.at, "When: 2027-03-31T08:00:00Z; without it, now")->type_name("TIME");
    CLI::Option* fresh =
        verb.add_flag("--new-salt", options.new_salt, "Once it has run: assign units anew, which is the default");
    verb.add_flag("--keep-assignments", options.keep_assignments, "Once it has run: everybody gets what they had")
        ->excludes(fresh);
    CLI::Option* check = verb.add_flag("--check", options.check, "Start nothing: say what to look at before");
    const std::map<std::string, std::pair<std::string*, const char*>> known = {
        {"--daily-units", {&options.daily_units, "New units a day that reach the flag and are in the audience"}},
        {"--baseline", {&options.baseline, "The primary metric without it: 0.12 of a conversion, else a mean"}},
        {"--deviation", {&options.deviation, "Standard deviation over units of what is no conversion"}}};
    for (const auto& [name, option] : known) {
      verb.add_option(name, *option.first, option.second)
          ->check(CLI::PositiveNumber)
          ->needs(check)
          ->type_name("NUMBER")
          ->group("Check");
    }
    check->group("Check");
  }
  if (options.action == "conclude") {
    CLI::Option* ship =
        verb.add_option("--ship", options.ship, "The variant that has won, and that everybody gets from now on")
            ->type_name("VARIANT");
    verb.add_flag("--no-winner", options.no_winner, "Nobody has won; the flag stays as it is")->excludes(ship);
    verb.add_option("--decision", options.decision, "Why, kept with the experiment")->type_name("TEXT");
  }
  if (options.action == "ramp") {
    verb.add_option("ACTION", options.ramp, "pause, resume, step: the next one now, finish: the last one now")
        ->check(OneOf({"pause", "resume", "step", "finish"}))
        ->type_name("")
        ->required();
  }
  if (options.action == "list" || options.action == "status") return;
  AddEmergency(verb, options.write);
  if (options.action != "ramp" && options.action != "rollback") {
    CLI::Option* request =
        verb.add_option("--request", options.write.request, "Open a change request, rather than write")
            ->type_name("TITLE")
            ->group("Protected environments");
    verb.get_option("--emergency")->excludes(request);
  }
  verb.add_option("--comment", options.comment, "Why, for the audit log")->type_name("TEXT");
}

void AddExperiment(CLI::App& app, Run& run) {
  CLI::App* experiments = app.add_subcommand("experiment", "Start, pause, end experiments, read their reports");
  experiments->require_subcommand(1);
  AddExperimentReport(*experiments, run, false);
  AddExperimentReport(*experiments, run, true);
  const std::map<std::string, std::string> actions = {
      {"conclude", "Keep the decision; --ship VARIANT gives it to everybody"},
      {"list", "Show all experiments and their status"},
      {"pause", "Give everybody the flag's `default`, and keep everyone's place"},
      {"ramp", "Hold its ramp, let it go on, take its steps"},
      {"resume", "Let it go on, with everybody where they were"},
      {"rollback", "Stop it, and give everybody the control"},
      {"start", "Start it, now or at a time; again: a new iteration"},
      {"status", "Show where it stands, its ramp, and what was found"},
      {"stop", "End its iteration; one that is scheduled does not start"}};
  for (const auto& [action, help] : actions) {
    CLI::App* verb = experiments->add_subcommand(action, help);
    const auto options = On(*verb, run, &Experiments, &CheckExperiment);
    options->action = action;
    if (action != "list") {
      verb->add_option("EXPERIMENT", options->experiment, "Its key")->type_name("")->required();
    }
    AddExperimentAction(*verb, *options);
    AddProject(*verb, options->project);
    if (action == "list") AddEnvironment(*verb, options->environment);
    AddConnection(*verb, options->connection);
    AddJson(*verb, options->json);
  }
}

void CheckChange(const ChangeOptions& options) {
  if (options.action == "schedule" && options.write.at.empty() && !options.never) throw CLI::RequiredError("--at");
}

void AddChangeNumber(CLI::App& verb, ChangeOptions& options) {
  verb.add_option("NUMBER", options.number, "Of the change request")->type_name("")->required();
}

void AddChange(CLI::App& app, Run& run) {
  CLI::App* changes = app.add_subcommand("change", "Change requests: open, look at, approve, apply");
  changes->require_subcommand(1);
  const std::map<std::string, std::string> actions = {
      {"apply", "Apply one that is approved, or in an emergency"},
      {"approve", "Approve one that somebody else wrote"},
      {"comment", "Say something about one, or show what was said"},
      {"list", "Show those that are not closed"},
      {"open", "Open one for a file; see also apply --request"},
      {"rebase", "Hold one against what is there now; its approvals go"},
      {"reject", "Close one that should not be applied"},
      {"schedule", "Have the server apply it at a time, if approved"},
      {"show", "Show one: what it changes, and who has approved it"},
      {"withdraw", "Close one of your own"}};
  for (const auto& [action, help] : actions) {
    CLI::App* verb = changes->add_subcommand(action, help);
    const auto options = On(*verb, run, &Change, &CheckChange);
    options->action = action;
    if (action == "open") {
      verb->add_option("--file", options->file, R"(JSON: {"changes": …} as POST …/changes has it)")
          ->type_name("FILE")
          ->required();
      verb->add_option("--title", options->write.request, "What it is for, in a line")->type_name("TEXT")->required();
      verb->add_option("--description", options->write.description, "Why, at more length")->type_name("TEXT");
      verb->add_option("--at", options->write.at, "When the server applies it: 2027-03-31T08:00:00Z")
          ->type_name("TIME");
    } else if (action == "list") {
      verb->add_option("--state", options->state, "live: not closed; all; open, approved, stale, …")
          ->default_val("live")
          ->type_name("STATE");
    } else {
      AddChangeNumber(*verb, *options);
    }
    if (action == "apply") AddEmergency(*verb, options->write);
    if (action == "approve") {
      verb->add_option("--version", options->version, "The one you looked at; without it, you are asked")
          ->type_name("N");
      verb->add_option("--comment", options->text, "For the audit log")->type_name("TEXT");
    }
    if (action == "comment") {
      CLI::Option* text = verb->add_option("TEXT", options->text, "What to say")->type_name("");
      verb->add_option("--delete", options->remove, "Take back your comment of this number")
          ->type_name("N")
          ->excludes(text);
    }
    if (action == "reject") {
      verb->add_option("--reason", options->write.reason, "Why")->type_name("TEXT")->required();
    }
    if (action == "schedule") {
      CLI::Option* at = verb->add_option("--at", options->write.at, "When: 2027-03-31T08:00:00Z")->type_name("TIME");
      verb->add_flag("--never", options->never, "Take back its time")->excludes(at);
    }
    AddProject(*verb, options->project);
    AddConnection(*verb, options->connection);
    AddJson(*verb, options->json);
  }
}

void AddComment(CLI::App& app, Run& run) {
  CLI::App* verb = app.add_subcommand("comment", "Say something about a flag, or show what was said");
  const auto options = On(*verb, run, &Comment);
  verb->add_option("FLAG", options->flag, "Key of the flag")->type_name("")->required();
  CLI::Option* text = verb->add_option("TEXT", options->text, "What to say")->type_name("");
  verb->add_option("--delete", options->remove, "Take back your comment of this number")
      ->type_name("N")
      ->excludes(text);
  AddProject(*verb, options->project);
  AddConnection(*verb, options->connection);
  AddJson(*verb, options->json);
}

void AddAuditFilters(CLI::App& verb, AuditOptions& options) {
  // Not from GUIDON_PROJECT: who reads the log must not miss entries because of a variable.
  verb.add_option("--project,-p", options.project, "Entries of this project; left out, of all")->type_name("PROJECT");
  verb.add_option("--environment,-e", options.environment, "That altered this environment")->type_name("ENVIRONMENT");
  verb.add_option("--principal", options.principal, "By this one: key:ID, or system")->type_name("WHO");
  verb.add_option("--action", options.of_action, "That did this: key.revoke, definitions.change, …")
      ->type_name("ACTION");
  verb.add_option("--kind", options.kind, "About one of this kind: flag, segment, key, …")->type_name("KIND");
  verb.add_option("--subject", options.subject, "About the one of this key")->type_name("KEY");
  verb.add_option("--since", options.since, "From this revision, or time such as 2027-03-31T08:00:00Z")
      ->type_name("N|TIME");
  verb.add_option("--until", options.until, "Up to this revision or time")->type_name("N|TIME");
  verb.add_option("--limit", options.limit, "So many entries at most, the newest")
      ->default_val(50)
      ->check(CLI::Range(1, 100'000))
      ->type_name("N");
}

void AddAudit(CLI::App& app, Run& run) {
  CLI::App* audit = app.add_subcommand("audit", "Who changed what, and whether that record was bent");
  audit->require_subcommand(1);
  const std::map<std::string, std::string> actions = {
      {"log", "Show who changed what, when, and from where; newest first"},
      {"export", "Write the whole log to a file, with all that it takes to verify it"},
      {"verify", "Check the hash chain and its checkpoints; exit 1: bent"}};
  for (const auto& [action, help] : actions) {
    CLI::App* verb = audit->add_subcommand(action, help);
    const auto options = On(*verb, run, &Audit);
    options->action = action;
    if (action == "log") AddAuditFilters(*verb, *options);
    if (action == "export") {
      verb->add_option("--output,-o", options->output, "File to write; left out, standard output")->type_name("FILE");
    }
    if (action == "verify") {
      verb->add_option("--file", options->file, "Verify this export, not the server")->type_name("FILE");
      verb->add_option("--public-key", options->public_keys, "The key that must have signed, kept elsewhere")
          ->type_name("FILE|HEX");
      verb->add_option("--checkpoints", options->checkpoints,
                       "Checkpoints that were kept: guidond's log, or one a line")
          ->type_name("FILE");
    }
    AddConnection(*verb, options->connection);
    AddJson(*verb, options->json);
  }
}

// An option that holds text for people and something else for us; `read` gives nothing where the text is none.
template <typename Read, typename Out>
CLI::Option* AddRead(CLI::App& verb, const std::string& name, const std::string& help, const std::string& otherwise,
                     const std::string& example, Read read, Out& out) {
  const auto take = [name, example, read, &out](const std::string& text) {
    const auto value = read(text);
    if (!value) throw CLI::ValidationError(name, "'" + text + "' is not " + example);
    out = *value;
  };
  take(otherwise);
  return verb.add_option_function<std::string>(name, take, help)->default_str(otherwise);
}

// What a revision that is waited for needs; `--revision` itself, to hang more on it.
CLI::Option* AddGoal(CLI::App& verb, PropagationGoal& goal) {
  CLI::Option* revision =
      verb.add_option("--revision", goal.revision, "Which; head is the newest at the first look")
          ->check([](const std::string& text) {
            const bool is_number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
            return is_number || text == "head" ? std::string() : "'" + text + "' is neither a number nor head";
          })
          ->type_name("N");
  verb.add_option("--release", goal.release, "Of the processes of this version of the application alone")
      ->type_name("VERSION");
  AddRead(verb, "--min-share", "Of the live processes, so many must hold it", "100%", "a share such as 95%",
          &ParsePercent, goal.min_share)
      ->type_name("SHARE");
  verb.add_option("--min-live", goal.min_live, "So many processes must be live")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000'000}).description(""))
      ->default_val("1")
      ->type_name("N");
  AddRead(verb, "--wait", "How long to wait for it; 0s: one look", "0s", "a duration such as 10m", &ParseDuration,
          goal.wait)
      ->type_name("DURATION");
  AddRead(verb, "--settle", "How long the server must have listened since its start", "65s", "a duration such as 65s",
          &ParseDuration, goal.settle)
      ->type_name("DURATION");
  return revision;
}

void AddPropagation(CLI::App& app, Run& run) {
  CLI::App* verb = app.add_subcommand("propagation", "Show how far a revision has come, or wait for it");
  const auto options = On(*verb, run, &Propagation);
  AddProject(*verb, options->project);
  AddEnvironment(*verb, options->environment)->required();
  AddGoal(*verb, options->goal)->default_val("head");
  AddConnection(*verb, options->connection);
  AddJson(*verb, options->json);
}

void CheckGenerate(const GenerateOptions& options) {
  // Beside the code, standard output has no room for what --json says.
  if (options.json && options.output.empty()) throw CLI::RequiredError("--output");
}

void AddGenerate(CLI::App& app, Run& run) {
  CLI::App* languages = app.add_subcommand("generate", "Write typed accessors for the flags of a workspace");
  languages->require_subcommand(1);
  CLI::App* verb = languages->add_subcommand("cpp", "A C++17 header: flags::checkout_layout(client, context)");
  const auto options = On(*verb, run, &Generate, &CheckGenerate);
  AddFolder(*verb, options->folder);
  CLI::Option* output =
      verb->add_option("--output,-o", options->output, "Header to write; left out, standard output")->type_name("FILE");
  verb->add_option("--namespace", options->name_space, "Namespace of the accessors")
      ->default_val("flags")
      ->type_name("NAME");
  verb->add_flag("--check", options->check, "Write nothing; exit 1 when the header is not up to date")->needs(output);
  AddJson(*verb, options->json);
}

void AddRefs(CLI::App& app, Run& run) {
  CLI::App* verb = app.add_subcommand("refs",
                                      "Where source code reads flags: C, C++, Python, JavaScript, TypeScript, "
                                      "Go, Java, Rust, YAML");
  const auto options = On(*verb, run, &Refs);
  verb->add_option("SRC", options->sources, "Folders and files of code; what .gitignore leaves out is left out")
      ->type_name("")
      ->required();
  verb->add_option("--config", options->config, "Functions of your own that read flags")->type_name("FILE");
  verb->add_option("--flag", options->flag, "The reads of this one alone")->type_name("KEY");
  AddJson(*verb, options->json);
}

void AddStale(CLI::App& app, Run& run) {
  CLI::App* verb = app.add_subcommand("stale", "Flags that could be removed, with what speaks for it");
  const auto options = On(*verb, run, &FindStaleFlags);
  CLI::Option* workspace =
      verb->add_option("--workspace,-w", options->workspace, "The flags of this folder, not of the server")
          ->type_name("DIR");
  CLI::Option* code = verb->add_option("--code", options->code, "Say where this code reads them; may be given again")
                          ->type_name("SRC")
                          ->expected(1)
                          ->take_all();
  verb->add_option("--code-config", options->code_config,
                   "Functions that read flags; left out, refs.yaml of the workspace")
      ->type_name("FILE")
      ->needs(code);
  verb->add_flag("--offline", options->offline, "Look at files alone, without counts and history")->needs(workspace);
  verb->add_option("--days", options->days, "Without an evaluation, with one variation alone, without a change")
      ->type_name("N")
      ->check(CLI::Range(1, 90))
      ->capture_default_str();
  verb->add_option("--least", options->least, "Evaluations in those days, to believe in one variation alone")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI::Option* issue =
      verb->add_option("--issue-body", options->issue_body, "Of this flag: Markdown for an issue of it")
          ->type_name("FLAG");
  verb->add_flag("--check", options->check, "Exit code 1 when there are any")->excludes(issue);
  verb->add_option("--now", options->now, "As if it were this time")->type_name("TIME");
  AddJson(*verb, options->json);
  AddProject(*verb, options->project);
  AddConnection(*verb, options->connection);
}

void CheckRemove(const RemoveOptions& options) {
  if (options.keep.empty() && options.environment.empty()) throw CLI::RequiredError("--keep or --environment");
}

void AddRemove(CLI::App& app, Run& run) {
  CLI::App* verb = app.add_subcommand("remove", "Take a flag out of C++ code: its value stays, the dead branches go");
  const auto options = On(*verb, run, &Remove, &CheckRemove);
  verb->add_option("FLAG", options->flag, "Key of the flag")->type_name("")->required();
  verb->add_option("--code", options->code, "Folder or file to change; may be given again")
      ->type_name("SRC")
      ->expected(1)
      ->take_all()
      ->required();
  verb->add_option("--keep", options->keep, "Variation that stays; left out, what the environment serves to everybody")
      ->type_name("VARIATION");
  verb->add_option("-p,--build", options->build,
                   "Folder of compile_commands.json; left out, it is looked for above SRC and in build folders")
      ->type_name("BUILD");
  AddEnvironment(*verb, options->environment);
  verb->add_option("--workspace,-w", options->workspace, "Where the flag is defined; left out, the server is asked")
      ->type_name("DIR");
  verb->add_option("--config", options->config, "Functions of your own that read flags")->type_name("FILE");
  CLI::Option* write = verb->add_flag("--write", options->write, "Change the files: all of them, or none");
  verb->add_flag_function(
          "--dry-run", [](std::int64_t) {}, "Show the changes alone, as a diff; so it is without --write")
      ->excludes(write);
  AddJson(*verb, options->json);
  verb->add_option("--project", options->project, "Project; may be left out where the server has one only")  // no -p
      ->envname("GUIDON_PROJECT")
      ->type_name("PROJECT");
  AddConnection(*verb, options->connection);
}

// A number as people write it: 5%, 0.05, 1200.
template <typename Out>
CLI::Option* AddQuantity(CLI::App& verb, const std::string& name, const std::string& help, Out& out) {
  const auto take = [name, &out](const std::string& text) {
    const std::optional<double> number = ParseQuantity(text);
    if (!number) throw CLI::ValidationError(name, "'" + text + "' is not a number such as 0.05 or 5%");
    out = *number;
  };
  return verb.add_option_function<std::string>(name, take, help)->type_name("N");
}

CLI::Option* AddArm(CLI::App& verb, const std::string& name, const std::string& help, StatsArm& arm) {
  const auto take = [name, &arm](const std::string& text) {
    const std::optional<StatsArm> read = ParseStatsArm(text);
    if (!read) throw CLI::ValidationError(name, "'" + text + "' is neither 20034/44700 nor 44700:52.46:256.7");
    arm = *read;
  };
  return verb.add_option_function<std::string>(name, take, help)->type_name("")->required();
}

void CheckStats(const StatsOptions& options) {
  const bool plans = options.action == "power" || options.action == "sample-size";
  if (plans && !options.baseline && !options.mean) throw CLI::RequiredError("--baseline, or --mean and --stddev,");
  if (!options.weights.empty() && options.weights.size() != options.counts.size()) {
    throw CLI::ValidationError("--weights", "as many weights as counts are needed");
  }
}

// What both of the verbs that plan are told.
void AddStatsPlan(CLI::App& verb, StatsOptions& options) {
  CLI::Option* baseline = AddQuantity(verb, "--baseline", "Conversion rate without the change: 4.5%", options.baseline);
  CLI::Option* mean =
      AddQuantity(verb, "--mean", "Or, of a number per unit, its mean", options.mean)->excludes(baseline);
  CLI::Option* stddev = AddQuantity(verb, "--stddev", "… and its standard deviation", options.stddev)->needs(mean);
  mean->needs(stddev);
  AddQuantity(verb, "--alpha", "Chance of a false alarm, over all looks", options.alpha)->default_str("5%");
  AddQuantity(verb, "--power", "Chance to find what is there", options.power)->default_str("80%");
  verb.add_option("--variants", options.variants, "How many, control among them")
      ->check(CLI::Range(2, 100).description(""))
      ->default_val("2")
      ->type_name("N");
  verb.add_flag("--bonferroni", options.bonferroni, "Share alpha among the comparisons with control");
  verb.add_option("--method", options.method, "As in a plan: group_sequential, sequential, fixed")
      ->check(OneOf({"group_sequential", "sequential", "fixed"}))
      ->default_val("group_sequential")
      ->type_name("METHOD");
  verb.add_option("--looks", options.looks, "How often results are looked at, the last included")
      ->check(CLI::Range(1, 400).description(""))
      ->default_val("14")
      ->type_name("N");
  AddQuantity(verb, "--cuped", "Correlation with what was measured before: 0.5", options.correlation);
}

void AddStats(CLI::App& app, Run& run) {
  CLI::App* stats = app.add_subcommand("stats", "Calculators: units, power, sample ratio, two arms");
  stats->require_subcommand(1);
  const std::map<std::string, std::string> actions = {{"compare", "Effect, interval and p of two arms, for one look"},
                                                      {"power", "The chance to show an effect with so many units"},
                                                      {"sample-size", "How many units, and days, it takes"},
                                                      {"srm", "Do arms have the units that their weights promise?"}};
  for (const auto& [action, help] : actions) {
    CLI::App* verb = stats->add_subcommand(action, help);
    const auto options = On(*verb, run, &Stats, &CheckStats);
    options->action = action;
    if (action == "power" || action == "sample-size") AddStatsPlan(*verb, *options);
    if (action == "power") {
      AddQuantity(*verb, "--effect", "The lift that is true, as a share of the baseline: 5%", options->lift)
          ->required();
      AddQuantity(*verb, "--units", "Units of all variants together", options->units)->required();
    }
    if (action == "sample-size") {
      AddQuantity(*verb, "--detect", "The smallest lift worth finding: 5%", options->lift)->required();
      AddQuantity(*verb, "--daily", "New units that enter a day, for how long it takes", options->daily);
    }
    if (action == "srm") {
      verb->add_option("UNITS", options->counts, "Of each arm: 44700 45489")
          ->type_name("")
          ->required()
          ->expected(2, 100);
      const auto take = [options](const std::string& text) {
        std::istringstream list(text);
        for (std::string weight; std::getline(list, weight, ',');) {
          const std::optional<double> number = ParseQuantity(weight);
          if (!number) throw CLI::ValidationError("--weights", "'" + weight + "' is not a weight such as 50%");
          options->weights.push_back(*number);
        }
      };
      verb->add_option_function<std::string>("--weights", take, "50%,50% or 1,1,2; left out, all the same")
          ->type_name("W,W");
    }
    if (action == "compare") {
      AddArm(*verb, "CONTROL", "CONVERSIONS/UNITS or UNITS:MEAN:STDDEV", options->control);
      AddArm(*verb, "TREATMENT", "The other arm, likewise", options->treatment);
      AddQuantity(*verb, "--alpha", "The interval misses the truth so often", options->alpha)->default_str("5%");
      verb->add_flag("--exact", options->exact, "Of conversions, also by the methods for small counts");
    }
    AddJson(*verb, options->json);
  }
}

void AddExperimentReport(CLI::App& experiments, Run& run, bool watches) {
  CLI::App* verb = watches
                       ? experiments.add_subcommand("watch", "Show its report anew when there is a look or a day more")
                       : experiments.add_subcommand("report", "Say what it has come to, and what to do");
  const auto options = On(*verb, run, watches ? &ExperimentWatch : &ExperimentReport);
  verb->add_option("EXPERIMENT", options->experiment, watches ? "Its key" : "Its key, or holdout:NAME")
      ->type_name("")
      ->required();
  verb->add_option("--iteration", options->iteration, "Which; left out, the newest")->type_name("N");
  if (watches) {
    AddRead(*verb, "--every", "Between two readings", "1m", "a duration such as 1m", &ParseDuration, options->every)
        ->type_name("DURATION");
    AddRead(*verb, "--at-most", "How long to watch", "24h", "a duration such as 24h", &ParseDuration, options->at_most)
        ->type_name("DURATION");
  } else {
    verb->add_option("--html", options->html, "Write it as one page that may be mailed, printed and kept")
        ->type_name("FILE");
  }
  AddProject(*verb, options->project);
  AddEnvironment(*verb, options->environment);
  AddConnection(*verb, options->connection);
  AddJson(*verb, options->json);
}

void CheckGate(const GateOptions& options) {
  const bool has_code_to_hold = !options.code.empty() && !options.snapshot.empty();
  if (options.offline && options.workspace.empty() && !has_code_to_hold) throw CLI::RequiredError("--workspace");
  if (!options.snapshot.empty() && options.workspace.empty() && options.code.empty()) {
    throw CLI::RequiredError("--workspace or --code");
  }
  if (!options.contexts.empty() && options.offline && options.snapshot.empty()) {
    throw CLI::ValidationError("--contexts", "who moves is counted on a server or a --snapshot; --offline has neither");
  }
}

void AddGate(CLI::App& app, Run& run) {
  CLI::App* verb = app.add_subcommand("gate", "May this be released? One verdict, as exit code");
  const auto options = On(*verb, run, &Gate, &CheckGate);
  AddEnvironment(*verb, options->environment)->required();
  verb->add_option("--policy", options->policy,
                   "Rules and limits; left out, gate.yaml of the workspace, or the default")
      ->type_name("FILE");
  CLI::Option* workspace =
      verb->add_option("--workspace,-w", options->workspace, "Look at these files, and at what they would change")
          ->type_name("DIR");
  CLI::Option* code =
      verb->add_option("--code", options->code, "Look at the flags that this code reads; may be given again")
          ->type_name("SRC")
          ->expected(1)
          ->take_all();
  verb->add_option("--code-config", options->code_config,
                   "Functions that read flags; left out, refs.yaml of the workspace")
      ->type_name("FILE")
      ->needs(code);
  CLI::Option* experiment =
      verb->add_option("--experiment", options->experiment, "Of the environment, this experiment alone")
          ->type_name("KEY");
  CLI::Option* offline =
      verb->add_flag("--offline", options->offline, "Look at files alone, without a server")->excludes(experiment);
  verb->add_option("--receipt", options->receipt, "Write the signed record of this run, of the audit log, here")
      ->type_name("FILE")
      ->excludes(offline);
  CLI::Option* snapshot =
      verb->add_option("--snapshot", options->snapshot, "Compare files and code with this exported one, not the server")
          ->type_name("FILE");
  verb->add_option("--contexts", options->contexts, R"(Count who moves among these: a line {"key": …} each)")
      ->type_name("FILE.jsonl")
      ->needs(workspace);
  // Only the server knows what was applied.
  verb->add_flag("--prune", options->prune, "As if what is gone from the files were archived")
      ->needs(workspace)
      ->excludes(snapshot);
  CLI::Option* revision = AddGoal(*verb, options->goal)->excludes(offline);
  for (const char* name : {"--release", "--min-share", "--min-live", "--wait", "--settle"}) {
    verb->get_option(name)->needs(revision)->group("Delivery");
  }
  revision->description("Wait until processes hold it: a number, or head, the newest")->group("Delivery");
  verb->get_option("--min-share")->each([options](const std::string&) { options->has_min_share = true; });
  verb->get_option("--min-live")->each([options](const std::string&) { options->has_min_live = true; });
  verb->add_option("--now", options->now, "As if it were this time: days, windows and waivers")->type_name("TIME");
  verb->add_option("--output,-o", options->output, "Write it into this file")->type_name("FILE");
  AddJson(*verb, options->json);
  const std::pair<const char*, std::pair<bool*, const char*>> formats[] = {
      {"--sarif", {&options->sarif, "As SARIF 2.1.0, for code scanning"}},
      {"--junit", {&options->junit, "As JUnit XML, for CI servers"}},
      {"--codequality", {&options->codequality, "As a Code Quality report, for GitLab"}},
      {"--markdown", {&options->markdown, "As a comment for a pull request"}},
      {"--github", {&options->github, "As workflow commands of GitHub Actions"}}};
  std::vector<CLI::Option*> chosen{verb->get_option("--json")};
  for (const auto& [name, what] : formats) {
    CLI::Option* option = verb->add_flag(name, *what.first, what.second);
    for (CLI::Option* other : chosen) option->excludes(other);
    chosen.push_back(option);
  }
  verb->add_option("--also", options->also, "Write it into this file, too: sarif=gate.sarif; may be given again")
      ->type_name("FORMAT=FILE")
      ->expected(1)
      ->take_all()
      ->check([](const std::string& text) {
        const std::size_t equals = text.find('=');
        if (equals == std::string::npos || equals + 1 == text.size()) return "'" + text + "' is no FORMAT=FILE";
        return OneOf(GateFormats())(text.substr(0, equals));
      });
  AddProject(*verb, options->project);
  AddConnection(*verb, options->connection);
}

// ---- Faults of the command line ----------------------------------------------------------------------------------

// "guidon key"
std::string NameOf(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : NameOf(*app.get_parent()) + " " + app.get_name();
}

// The innermost verb that was named.
const CLI::App& VerbOf(const CLI::App& app) {
  const auto named = app.get_subcommands();
  return named.empty() ? app : VerbOf(*named.front());
}

// A hint for the first word that is neither a verb nor an option here, or "".
std::string HintFor(const CLI::App& verb) {
  std::vector<std::string> words;
  for (const CLI::App* below : verb.get_subcommands({})) words.push_back(below->get_name());
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  }
  for (const std::string& word : verb.remaining()) {
    if (const std::string hint = DidYouMean(word.substr(0, word.find('=')), words); !hint.empty()) return hint;
  }
  return "";
}

int ExplainUsage(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& verb = VerbOf(app);
  const std::vector<std::string> unknown = verb.remaining();
  const bool wants_verb = !verb.get_subcommands({}).empty();
  if (unknown.empty() && wants_verb && dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    std::cerr << verb.help(verb.get_parent() == nullptr ? "" : NameOf(*verb.get_parent()));
    return kUsage;
  }
  std::string message = error.what();
  // "--at: 1 required TIME missing", as CLI11 says it.
  constexpr std::string_view kOne = ": 1 required ", kMissing = " missing";
  if (const std::size_t at = message.find(kOne); at != std::string::npos && message.ends_with(kMissing)) {
    const std::string what = message.substr(at + kOne.size(), message.size() - kMissing.size() - at - kOne.size());
    message = message.substr(0, at) + " needs " + (what.empty() ? "a value" : what) + " after it";
  }
  if (!unknown.empty()) {
    const bool is_option = unknown.front().starts_with('-');
    message = "there is no " +
              std::string(is_option    ? "option"
                          : wants_verb ? "verb"
                                       : "argument") +
              " '" + unknown.front() + "'";
    if (const std::string hint = HintFor(verb); !hint.empty()) message += "; " + hint;
  }
  Complain(message);
  std::cerr << "`" << NameOf(verb) << " --help` says more.\n";
  return kUsage;
}

}  // namespace

Request ReadArguments(int argc, const char* const* argv, const std::string& version) {
  CLI::App app("guidon: feature flags and A/B tests as code", "guidon");
  app.require_subcommand(1);
  app.set_version_flag("--version", "guidon " + version, "Show the version");
  app.set_help_flag("--help,-h", "Show this help");
  app.formatter(std::make_shared<Formatter>());
  app.footer(kExitCodes);
  Run run;
  AddValidate(app, run);
  AddFmt(app, run);
  AddLsp(app, run);
  AddLint(app, run);
  AddTest(app, run);
  AddPlan(app, run);
  AddApply(app, run);
  AddPromote(app, run);
  AddEvaluate(app, run);
  AddExplain(app, run);
  AddSimulate(app, run);
  AddExport(app, run);
  AddKey(app, run);
  AddLogin(app, run);
  AddMember(app, run);
  AddRole(app, run);
  AddWebhook(app, run);
  AddBackup(app, run);
  AddReady(app, run);
  AddEvents(app, run);
  AddPrivacy(app, run);
  AddFlag(app, run);
  AddExperiment(app, run);
  AddChange(app, run);
  AddComment(app, run);
  AddPropagation(app, run);
  AddAudit(app, run);
  AddGenerate(app, run);
  AddStats(app, run);
  AddGate(app, run);
  AddStale(app, run);
  AddRefs(app, run);
  AddRemove(app, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wish) {  // --help, --version
    return {nullptr, app.exit(wish)};
  } catch (const CLI::ParseError& error) {
    return {nullptr, ExplainUsage(app, error)};
  }
  return {std::move(run), kPass};
}

}  // namespace guidon::cli
