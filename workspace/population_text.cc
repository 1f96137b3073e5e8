#include "workspace/population_text.h"

#include <memory>
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
  const Origin origin{file, std::make_shared<const SourceMap>(std::move(yaml.documents[0].positions)), Path()};
  for (Issue& issue : population.error().issues) read.faults.push_back(PlacedIn(origin, std::move(issue)));
  return read;
}

}  // namespace guidon
