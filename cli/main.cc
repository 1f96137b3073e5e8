// guidon: the command line. Reads arguments, calls one verb, exits with its code.
#include <CLI/CLI.hpp>
#include <functional>

#include "cli/output.h"
#include "cli/verbs.h"

namespace {

using guidon::cli::Connection;

void AddConnection(CLI::App& verb, Connection& connection) {
  verb.add_option("--server", connection.server, "Address of guidond")
      ->envname("GUIDON_SERVER")
      ->default_val("http://127.0.0.1:8400");
  verb.add_option("--key", connection.key, "Admin key")->envname("GUIDON_KEY");
}

void AddJson(CLI::App& verb, bool& json) {
  verb.add_flag("--json", json, "For programs");
}

void AddProject(CLI::App& verb, std::string& project) {
  verb.add_option("--project", project, "Project")->envname("GUIDON_PROJECT");
}

void AddEnvironment(CLI::App& verb, std::string& environment, bool required) {
  CLI::Option* option = verb.add_option("--environment,-e", environment, "Environment")->envname("GUIDON_ENVIRONMENT");
  if (required) option->required();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("guidon: feature flags and A/B tests as code", "guidon");
  app.require_subcommand(1);
  app.set_version_flag("--version", "guidon 0.1.0");
  app.footer("Exit codes: 0 pass, 1 problem found, 2 usage error or unreadable input, 3 hold, 4 server unreachable.");
  std::function<int()> run;

  guidon::cli::ValidateOptions validate;
  CLI::App* verb = app.add_subcommand("validate", "Check a workspace: all faults at once, each with its place");
  verb->add_option("DIR", validate.folder, "Workspace folder")->required();
  AddJson(*verb, validate.json);
  verb->callback([&] { run = [&] { return guidon::cli::Validate(validate); }; });

  guidon::cli::ApplyOptions plan, apply;
  plan.dry_run = true;
  for (auto* options : {&plan, &apply}) {
    const bool is_plan = options == &plan;
    verb = app.add_subcommand(is_plan ? "plan" : "apply", is_plan ? "Show what `apply` would change, and for whom"
                                                                  : "Bring a project to what a workspace says");
    verb->add_option("DIR", options->folder, "Workspace folder")->required();
    verb->add_flag("--prune", options->prune, "Archive what was applied before and is gone from the workspace");
    if (!is_plan) verb->add_option("--comment", options->comment, "Why, for the audit log");
    AddConnection(*verb, options->connection);
    AddJson(*verb, options->json);
    verb->callback([&run, options] { run = [options] { return guidon::cli::Apply(*options); }; });
  }

  guidon::cli::EvaluateOptions evaluate;
  verb = app.add_subcommand("evaluate", "What a context is served, and why");
  auto* source = verb->add_option_group("source", "Where definitions come from; the server, when neither is given");
  source->add_option("--workspace", evaluate.workspace, "Workspace folder");
  source->add_option("--ruleset", evaluate.ruleset, "Ruleset file, from `guidon export`");
  source->require_option(0, 1);
  verb->add_option("--flag", evaluate.flag, "Flag; left out, all of them");
  verb->add_option("--context", evaluate.context, "Context as JSON: {\"key\": \"user-42\", \"country\": \"DE\"}");
  verb->add_option("--cases", evaluate.cases, "File of lines {\"flag\": …, \"context\": {…}}");
  verb->add_option("--now", evaluate.now, "Evaluate as if it were this time, 2027-03-31T08:00:00Z");
  verb->add_flag("--explain", evaluate.explain, "Every step that led to the answer");
  AddProject(*verb, evaluate.project);
  AddEnvironment(*verb, evaluate.environment, false);
  AddConnection(*verb, evaluate.connection);
  AddJson(*verb, evaluate.json);
  verb->callback([&] {
    evaluate.use_server = evaluate.workspace.empty() && evaluate.ruleset.empty();
    if (evaluate.use_server && evaluate.project.empty()) throw CLI::RequiredError("--project");
    if (evaluate.ruleset.empty() && evaluate.environment.empty()) throw CLI::RequiredError("--environment");
    run = [&] { return guidon::cli::Evaluate(evaluate); };
  });

  guidon::cli::ExportOptions exported;
  guidon::Revision revision = 0;
  verb = app.add_subcommand("export", "Write an environment's ruleset to a file");
  verb->add_option("--workspace", exported.workspace, "From a workspace instead of the server");
  verb->add_option("--output,-o", exported.output, "File; left out, standard output");
  auto* at = verb->add_option("--revision", revision, "As it was at this revision");
  AddProject(*verb, exported.project);
  AddEnvironment(*verb, exported.environment, true);
  AddConnection(*verb, exported.connection);
  verb->callback([&, at] {
    if (exported.workspace.empty() && exported.project.empty()) throw CLI::RequiredError("--project");
    if (at->count() > 0) exported.revision = revision;
    run = [&] { return guidon::cli::Export(exported); };
  });

  guidon::cli::KeyOptions key;
  CLI::App* keys = app.add_subcommand("key", "Create, list and revoke API keys");
  keys->require_subcommand(1);
  for (const char* action : {"create", "revoke", "list"}) {
    const std::string name = action;
    verb = keys->add_subcommand(name);
    AddProject(*verb, key.project);
    verb->get_option("--project")->required();
    if (name == "create") {
      verb->add_option("--kind", key.kind, "server or admin")->default_val("server");
      verb->add_option("--description", key.description, "What it is for");
      AddEnvironment(*verb, key.environment, false);
    }
    if (name == "revoke") verb->add_option("ID", key.id, "Id of the key, as `list` shows it")->required();
    AddConnection(*verb, key.connection);
    AddJson(*verb, key.json);
    verb->callback([&, name] {
      key.action = name;
      run = [&] { return guidon::cli::Key(key); };
    });
  }

  guidon::cli::FlagOptions flag;
  CLI::App* flags = app.add_subcommand("flag", "Enable and disable a flag");
  flags->require_subcommand(1);
  for (const char* action : {"on", "off"}) {
    const std::string name = action;
    verb = flags->add_subcommand(name, name == "on" ? "Enable it in an environment" : "Disable it: all see `off`");
    verb->add_option("FLAG", flag.flag, "Flag")->required();
    AddProject(*verb, flag.project);
    verb->get_option("--project")->required();
    AddEnvironment(*verb, flag.environment, true);
    AddConnection(*verb, flag.connection);
    AddJson(*verb, flag.json);
    verb->callback([&, name] {
      flag.action = name;
      run = [&] { return guidon::cli::Flag(flag); };
    });
  }

  guidon::cli::GateOptions gate;
  bool offline = false;
  verb = app.add_subcommand("gate", "May this be released? One verdict, as exit code");
  AddEnvironment(*verb, gate.environment, true);
  verb->add_option("--workspace", gate.workspace, "Workspace folder")->required();
  verb->add_flag("--offline", offline, "Without a server")->required();
  AddJson(*verb, gate.json);
  verb->callback([&] { run = [&] { return guidon::cli::Gate(gate); }; });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : guidon::cli::kUsage;
  }
  return run();
}
