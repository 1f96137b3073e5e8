// guidon fmt DIR|FILE...: the one layout of YAML, with every comment kept.
#include <iostream>
#include <string>
#include <vector>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/unified_diff.h"
#include "cli/verbs.h"
#include "cli/yaml_files.h"
#include "format/format.h"
#include "workspace/file.h"
#include "workspace/replace.h"

namespace guidon::cli {
namespace {

struct Outcome {
  std::vector<Replacement> changed;
  bool failed = false;
};

void FormatFile(const FmtOptions& options, const std::string& file, Outcome& outcome) {
  const auto refuse = [&](const std::string& why) {
    outcome.failed = true;
    Complain(why);
  };
  const Result<std::string> before = ReadFile(file, YamlLimits().max_bytes);
  if (!before) return refuse(before.error().message);
  const Result<std::string> after = FormatYaml(*before);
  if (!after) return refuse(file + ":" + after.error().message);
  if (*after == *before) return;
  if (options.diff) std::cout << UnifiedDiff(file, *before, *after);
  outcome.changed.push_back({file, *before, *after});
}

int FormatInput(const FmtOptions& options) {
  std::string before;
  constexpr std::size_t kChunk = 64 << 10;
  const std::size_t most = YamlLimits().max_bytes;
  while (std::cin && before.size() <= most) {
    std::string chunk(kChunk, '\0');
    std::cin.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    before.append(chunk, 0, static_cast<std::size_t>(std::cin.gcount()));
  }
  if (before.size() > most) {
    return Explain({ErrorCode::kTooLarge, "standard input has more than " + std::to_string(most) + " bytes", {}},
                   false);
  }
  const Result<std::string> after = FormatYaml(before);
  if (!after) {
    Complain("-:" + after.error().message);
    return kUsage;
  }
  if (options.diff) std::cout << UnifiedDiff("-", before, *after);
  if (!options.check && !options.diff) std::cout << *after;
  return (options.check || options.diff) && *after != before ? kProblem : kPass;
}

}  // namespace

int Fmt(const FmtOptions& options) {
  if (options.from_stdin) return FormatInput(options);
  const Result<std::vector<std::string>> files = YamlFilesOf(options.paths);
  if (!files) return Explain(files.error(), false);
  Outcome outcome;
  for (const std::string& file : *files) FormatFile(options, file, outcome);
  const bool only_looks = options.check || options.diff;
  if (!only_looks) {
    if (const Status written = ReplaceAll(outcome.changed); !written) return Explain(written.error(), false);
  }
  if (!options.diff) {
    for (const Replacement& changed : outcome.changed) {
      std::cout << (only_looks ? Out().Yellow("not formatted") : Out().Green("formatted")) << "  "
                << Printable(changed.file) << "\n";
    }
  }
  if (outcome.failed) return kUsage;
  return only_looks && !outcome.changed.empty() ? kProblem : kPass;
}

}  // namespace guidon::cli
