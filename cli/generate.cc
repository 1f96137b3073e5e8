// guidon generate cpp DIR: a header with one typed accessor for each flag of a workspace.
#include <algorithm>
#include <chrono>
#include <iostream>

#include "cli/cpp_header.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "workspace/file.h"
#include "workspace/workspace.h"

namespace guidon::cli {
namespace {

constexpr std::size_t kMaxHeaderBytes = 64u << 20;

// What is wrong with the files, as `validate` says it.
int Refuse(const Workspace& workspace, bool json) {
  const std::string what = workspace.folder + " is not valid: " + Plural(workspace.Count(Severity::kError), "error");
  if (json) {
    PrintJson(Object{{"code", "invalid"}, {"detail", Value(what)}, {"issues", ToValue(workspace.issues)}});
    return kProblem;
  }
  for (const PlacedIssue& placed : workspace.issues) {
    if (placed.issue.severity == Severity::kError) std::cerr << Describe(placed, Err()) << "\n";
  }
  Complain(what);
  return kProblem;
}

int Check(const GenerateOptions& options, const std::string& header) {
  const Result<std::string> held = ReadFile(options.output, kMaxHeaderBytes);
  const bool is_current = held && IsSameApartFromDeprecations(*held, header);
  if (options.json) {
    PrintJson(Object{{"output", Value(options.output)}, {"current", Value(is_current)}});
  } else if (!is_current) {
    Complain(!held ? held.error().message
                   : options.output + " is not what " + options.folder +
                         " says now: run `guidon generate cpp` without --check, and commit what it writes");
  }
  return is_current ? kPass : kProblem;
}

}  // namespace

int Generate(const GenerateOptions& options) {
  const Result<Workspace> workspace = ReadWorkspace(options.folder);
  if (!workspace) {
    Complain(workspace.error(), options.json);
    return kUsage;
  }
  if (workspace->HasErrors()) return Refuse(*workspace, options.json);
  const auto today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  const Result<std::string> header = CppHeader(workspace->definitions, {options.name_space, today});
  if (!header) {
    Complain(header.error(), options.json);
    return kProblem;
  }
  if (options.check) return Check(options, *header);
  if (options.output.empty() || options.output == "-") {
    std::cout << *header;
    return kPass;
  }
  // A file that is there already with these bytes keeps its time, so that nothing is compiled anew.
  const Result<std::string> held = ReadFile(options.output, kMaxHeaderBytes);
  const bool is_new = !held || *held != *header;
  if (is_new) {
    if (Status written = WriteFile(options.output, *header); !written) {
      Complain(written.error(), options.json);
      return kUsage;
    }
  }
  const std::size_t flags = static_cast<std::size_t>(
      std::count_if(workspace->definitions.entities.flags.begin(), workspace->definitions.entities.flags.end(),
                    [](const FlagRecord& record) { return !record.definition.archived; }));
  if (options.json) {
    PrintJson(Object{{"output", Value(options.output)}, {"flags", Value(flags)}, {"changed", Value(is_new)}});
  } else {
    std::cerr << (is_new ? "wrote " : "unchanged: ") << options.output << ", " << Plural(flags, "flag") << "\n";
  }
  return kPass;
}

}  // namespace guidon::cli
