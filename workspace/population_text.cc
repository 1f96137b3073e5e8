#include "workspace/population_text.h"

#include <utility>

#include "yaml/yaml.h"

namespace guidon {

PopulationText ReadPopulation(std::string_view text, const std::string& file) {
  PopulationText read;
  YamlResult yaml = ParseYaml(text);
  for (YamlFault& fault : yaml.faults) read.faults.push_back({file, fault.at, std::move(fault.issue)});
  if (!read.faults.empty()) return read;
  if (yaml.documents.size() != 1) {
    Issue issue;
    issue.code = "bad_population";
    issue.message = "a population is one document, not " + std::to_string(yaml.documents.size());
    read.faults.push_back({file, {1, 1}, std::move(issue)});
    return read;
  }
  Result<Population> population = DecodePopulation(yaml.documents[0].value);
  if (population) {
    read.population = *std::move(population);
    return read;
  }
  const SourceMap& places = yaml.documents[0].positions;
  for (Issue& issue : population.error().issues) {
    const bool about_key = issue.code == "unknown_key" || issue.code.starts_with("missing");
    const SourcePosition at = about_key ? places.OfKey(issue.path) : places.Of(issue.path);
    read.faults.push_back({file, at, std::move(issue)});
  }
  return read;
}

}  // namespace guidon
