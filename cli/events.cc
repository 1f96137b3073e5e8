// guidon events import|export: experiments that were run elsewhere, and who was exposed to those of a server.
#include <algorithm>
#include <filesystem>
#include <iostream>

#include "cli/api_client.h"
#include "cli/csv.h"
#include "cli/event_import.h"
#include "cli/event_readout.h"
#include "cli/event_table.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/base/json_record.h"
#include "core/model/units.h"
#include "stats/statistic/facts_json.h"

namespace guidon::cli {
namespace {

constexpr std::size_t kPage = 1'000;

// ---- Import --------------------------------------------------------------------------------------------------------

Result<std::map<std::string, double>> ReadWeights(const std::vector<std::string>& texts) {
  std::map<std::string, double> weights;
  std::uint32_t sum = 0;
  for (const std::string& text : texts) {
    const std::size_t sign = text.rfind('=');
    const auto parts = sign == std::string::npos ? std::nullopt : ParsePercent(std::string_view(text).substr(sign + 1));
    if (!parts || *parts == 0 || !weights.emplace(text.substr(0, sign), static_cast<double>(*parts) / kWhole).second) {
      return Fail(ErrorCode::kInvalid, "'" + text + "' is no weight: VARIANT=SHARE, each variant once, such as a=50%");
    }
    sum += *parts;
  }
  if (!weights.empty() && sum != kWhole) {
    return Fail(ErrorCode::kInvalid, "the weights add up to " + FormatPercent(sum) + ", not to 100%");
  }
  return weights;
}

int Import(const EventsOptions& options) {
  const Result<TableColumns> columns = ReadColumns(options.exposure_columns, options.metric_columns);
  Result<std::map<std::string, double>> weights = ReadWeights(options.weights);
  if (!columns || !weights) {
    Complain(!columns ? columns.error() : weights.error(), options.json);
    return kUsage;
  }
  if (!options.environment.empty() && !columns->cluster.empty()) {
    Complain({ErrorCode::kInvalid,
              "'cluster=" + columns->cluster + "' is of a table that is computed here, without --environment",
              {}},
             options.json);
    return kUsage;
  }
  if (!options.environment.empty()) return ImportIntoServer(options, *columns);
  for (const MetricColumn& column : columns->metrics) {
    if (column.server_metric.empty()) continue;
    Complain(
        {ErrorCode::kInvalid, "'metric=" + column.server_metric + "' is of a server: it goes with --environment", {}},
        options.json);
    return kUsage;
  }
  TableOptions how;
  how.experiment =
      options.experiment.empty() ? std::filesystem::path(options.file).stem().string() : options.experiment;
  how.control = options.control;
  how.weights = *std::move(weights);
  const Result<TableFacts> table = FactsOfTable(options.file, *columns, how);
  if (!table) {
    Complain(table.error(), options.json);
    return kUsage;
  }
  if (options.json) {
    Object object = stats::EncodeFacts(table->facts);
    AppendReadout(*table, object);
    PrintJson(Value(std::move(object)));
  } else {
    ShowReadout(*table);
  }
  return kPass;
}

// ---- Export --------------------------------------------------------------------------------------------------------

void PrintCsv(const std::vector<std::string>& fields) {
  for (std::size_t i = 0; i < fields.size(); ++i) std::cout << (i == 0 ? "" : ",") << CsvField(fields[i]);
  std::cout << "\r\n";
}

void PrintCsvOf(const Value& exposure, const Array& dimensions) {
  const auto text = [](const Value* value) { return value == nullptr ? std::string() : value->AsString(); };
  const Value *multiple = exposure.Find("multiple"), *held = exposure.Find("dimensions");
  std::vector<std::string> fields = {text(exposure.Find("unit")), text(exposure.Find("variant")),
                                     text(exposure.Find("time")),
                                     multiple != nullptr && multiple->AsBool() ? "true" : "false"};
  for (const Value& name : dimensions) fields.push_back(held == nullptr ? "" : text(held->Find(name.AsString())));
  PrintCsv(fields);
}

int Export(const EventsOptions& options) {
  const Result<std::string> project = ResolveProject(options.connection, options.project);
  if (!project) return Explain(project.error(), false);
  const std::string path = EnvironmentPath(*project, options.environment) + "/experiments/" +
                           Escape(options.experiment) + "/exposures?limit=" + std::to_string(kPage) +
                           "&iteration=" + std::to_string(options.iteration);
  const bool is_csv = options.format == "csv";
  std::size_t count = 0, unreadable = 0;
  std::string after;
  for (bool more = true, is_first = true; more; is_first = false) {
    const Result<ApiAnswer> answer =
        Ask(options.connection, "GET", path + (after.empty() ? "" : "&after=" + Escape(after)));
    if (!answer) return Explain(answer.error(), false);
    if (!answer->ok()) return Explain(*answer, false);
    const Array& dimensions = ListIn(answer->body, "dimensions");
    if (is_csv && is_first) {
      std::vector<std::string> header = {"unit", "variant", "time", "multiple"};
      for (const Value& name : dimensions) header.push_back(name.AsString());
      PrintCsv(header);
    }
    for (const Value& exposure : ListIn(answer->body, "exposures")) {
      is_csv ? PrintCsvOf(exposure, dimensions) : PrintJson(exposure);
      ++count;
    }
    if (const Value* left_out = answer->body.Find("unreadable")) {
      unreadable += static_cast<std::size_t>(std::max<std::int64_t>(0, left_out->AsInt()));
    }
    const Value* next = answer->body.Find("next");
    more = next != nullptr;
    if (more) after = next->AsString();
  }
  std::cerr << Plural(count, "unit");
  if (count == 0) {
    std::cerr << ": none has been exposed to "
              << (options.iteration == 0 ? "the newest iteration" : "iteration " + std::to_string(options.iteration))
              << " of " << options.experiment << " in " << options.environment
              << " yet; --iteration and --environment name others";
  }
  std::cerr << "\n";
  if (unreadable > 0) {
    std::cerr << "what the server keeps of " << Plural(unreadable, "unit") << " of " << options.environment
              << " is damaged and was passed over: whether they were exposed is not known\n";
  }
  return kPass;
}

}  // namespace

int Events(const EventsOptions& options) {
  return options.action == "import" ? Import(options) : Export(options);
}

}  // namespace guidon::cli
