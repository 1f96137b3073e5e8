// docs/api/openapi.yaml, read for tests.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <guidon/value.h>

namespace guidon {

struct Operation {
  std::string method;  // "GET"
  std::string path;
  std::string id;
  Value document;                                // the operation itself
  std::map<std::string, Value> path_parameters;  // by name, references followed
  std::vector<std::string> other_parameters;     // "header If-Match", "query revision"
  bool is_public = false;
  const Value* Example() const;  // of the request's body; nullptr without
  bool NeedsBody() const;        // it is refused without one
};

// The one document of a YAML file; throws when it is none.
Value ReadYaml(const std::string& path);

class OpenApi {
 public:
  OpenApi();  // throws when the file is no YAML

  const Value& document() const { return document_; }
  const std::vector<Operation>& operations() const { return operations_; }
  const Operation& ById(const std::string& id) const;  // throws when there is none

  // What a document of OpenAPI 3.1 has to keep to, as far as this one uses it. One line for each fault.
  std::vector<std::string> Faults() const;

  // What `#/components/…` or a file beside this one refers to; nullptr when it is not there.
  const Value* Resolve(const std::string& reference) const;

 private:
  Value document_;
  std::vector<Operation> operations_;
  mutable std::map<std::string, Value> files_;
};

}  // namespace guidon
