#include "tests/server/api/openapi.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <stdexcept>

#include "core/base/json.h"
#include "yaml/yaml.h"

namespace guidon {
namespace {

constexpr const char* kFolder = GUIDON_SOURCE_DIR "/docs/api/";
constexpr std::string_view kMethods[] = {"get", "put", "post", "delete", "options", "head", "patch", "trace"};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string Upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

const Value* Walk(const Value& root, std::string_view pointer) {
  const Value* at = &root;
  while (!pointer.empty() && at != nullptr) {
    pointer.remove_prefix(1);
    const std::size_t slash = pointer.find('/');
    at = at->Find(pointer.substr(0, slash));
    pointer = slash == std::string_view::npos ? std::string_view() : pointer.substr(slash);
  }
  return at;
}

bool IsStatus(const std::string& text) {
  return text == "default" || (text.size() == 3 && text[0] >= '1' && text[0] <= '5' && std::isdigit(text[1]) != 0 &&
                               std::isdigit(text[2]) != 0);
}

// Collects faults, each with where it is.
class Checker {
 public:
  explicit Checker(const OpenApi& api) : api_(api) {}

  std::vector<std::string> Run() {
    const Value& root = api_.document();
    Known(root, "", {"openapi", "info", "servers", "security", "tags", "paths", "components"});
    if (TextOf(root, "openapi").rfind("3.1.", 0) != 0) Say("openapi", "is not 3.1");
    const Value* info = root.Find("info");
    if (info == nullptr || TextOf(*info, "title").empty() || TextOf(*info, "version").empty())
      Say("info", "incomplete");
    for (const Value& tag : ListOf(root, "tags")) tags_.insert(TextOf(tag, "name"));
    if (const Value* components = root.Find("components")) Components(*components);
    const Value* paths = root.Find("paths");
    if (paths == nullptr) return faults_;
    for (const Member& path : paths->AsObject()) PathItem(path.name, path.value);
    References(root, "");
    return faults_;
  }

 private:
  void Say(const std::string& where, const std::string& what) { faults_.push_back(where + ": " + what); }

  static std::string TextOf(const Value& value, std::string_view name) {
    const Value* member = value.Find(name);
    return member != nullptr && member->is_string() ? member->AsString() : "";
  }
  static const Array& ListOf(const Value& value, std::string_view name) {
    static const Array kNothing;
    const Value* member = value.Find(name);
    return member != nullptr && member->is_array() ? member->AsArray() : kNothing;
  }

  void Known(const Value& value, const std::string& where, const std::set<std::string>& names) {
    if (!value.is_object()) return Say(where, "is not a map");
    for (const Member& member : value.AsObject()) {
      if (!names.contains(member.name)) Say(where, "unknown key " + member.name);
    }
  }

  const Value& Follow(const Value& value) {
    const Value* to = value.Find("$ref") == nullptr ? nullptr : api_.Resolve(TextOf(value, "$ref"));
    return to == nullptr ? value : *to;
  }

  void PathItem(const std::string& path, const Value& item) {
    if (path.empty() || path[0] != '/') Say(path, "does not begin with a slash");
    for (const Member& member : item.AsObject()) {
      if (member.name == "parameters") {
        for (const Value& parameter : member.value.AsArray()) Parameter(Follow(parameter), path);
      } else if (std::find(std::begin(kMethods), std::end(kMethods), member.name) == std::end(kMethods)) {
        Say(path, "unknown key " + member.name);
      } else {
        OperationAt(member.value, member.name + " " + path);
      }
    }
  }

  void OperationAt(const Value& operation, const std::string& where) {
    Known(operation, where,
          {"operationId", "tags", "summary", "description", "parameters", "requestBody", "responses", "security"});
    if (!ids_.insert(TextOf(operation, "operationId")).second) Say(where, "operationId missing or said twice");
    if (TextOf(operation, "summary").empty()) Say(where, "no summary");
    if (ListOf(operation, "tags").empty()) Say(where, "no tag");
    for (const Value& tag : ListOf(operation, "tags")) {
      if (!tags_.contains(tag.AsString())) Say(where, "unknown tag " + tag.AsString());
    }
    for (const Value& parameter : ListOf(operation, "parameters")) Parameter(Follow(parameter), where);
    if (const Value* body = operation.Find("requestBody")) {
      Known(*body, where, {"required", "content", "description"});
      Content(*body, where, true);
    }
    const Value* responses = operation.Find("responses");
    if (responses == nullptr || responses->AsObject().empty()) return Say(where, "no responses");
    for (const Member& response : responses->AsObject()) {
      if (!IsStatus(response.name)) Say(where, response.name + " is no status");
      Response(Follow(response.value), where + " " + response.name);
    }
  }

  void Response(const Value& response, const std::string& where) {
    Known(response, where, {"description", "headers", "content"});
    if (TextOf(response, "description").empty()) Say(where, "no description");
    if (const Value* headers = response.Find("headers")) {
      for (const Member& header : headers->AsObject()) {
        if (header.value.Find("schema") == nullptr) Say(where, "header " + header.name + " without schema");
      }
    }
    if (response.Find("content") != nullptr) Content(response, where, false);
  }

  void Content(const Value& value, const std::string& where, bool needs_example) {
    const Value* content = value.Find("content");
    if (content == nullptr || content->AsObject().empty()) return Say(where, "no content");
    for (const Member& type : content->AsObject()) {
      if (type.name.find('/') == std::string::npos) Say(where, type.name + " is no media type");
      Known(type.value, where, {"schema", "example"});
      if (type.value.Find("schema") == nullptr) return Say(where, "no schema");
      Schema(*type.value.Find("schema"), where);
      if (needs_example && type.value.Find("example") == nullptr) Say(where, "no example");
    }
  }

  void Parameter(const Value& parameter, const std::string& where) {
    Known(parameter, where, {"name", "in", "required", "schema", "description"});
    const std::string in = TextOf(parameter, "in");
    if (in != "path" && in != "query" && in != "header") Say(where, "parameter in '" + in + "'");
    if (TextOf(parameter, "name").empty()) Say(where, "parameter without name");
    if (in == "path" && (parameter.Find("required") == nullptr || !parameter.Find("required")->AsBool())) {
      Say(where, "path parameters are required");
    }
    if (parameter.Find("schema") == nullptr) return Say(where, "parameter without schema");
    Schema(*parameter.Find("schema"), where);
  }

  void Components(const Value& components) {
    Known(components, "components", {"securitySchemes", "parameters", "responses", "schemas"});
    for (const Member& member : components.AsObject()) {
      for (const Member& component : member.value.AsObject()) {
        const std::string where = member.name + " " + component.name;
        if (member.name == "schemas") Schema(component.value, where);
        if (member.name == "parameters") Parameter(component.value, where);
        if (member.name == "responses") Response(component.value, where);
        if (member.name == "securitySchemes" && TextOf(component.value, "type").empty()) Say(where, "no type");
      }
    }
  }

  // JSON Schema 2020-12, the words that are used here.
  void Schema(const Value& schema, const std::string& where) {
    if (schema.is_bool()) return;
    Known(schema, where,
          {"$ref",     "type",     "enum",        "const",   "properties", "required",  "additionalProperties",
           "items",    "minItems", "pattern",     "minimum", "maximum",    "minLength", "maxLength",
           "maxItems", "default",  "description", "format",  "allOf",      "readOnly",  "exclusiveMinimum"});
    static const std::set<std::string> kTypes = {"object", "array", "string", "integer", "number", "boolean", "null"};
    if (const Value* type = schema.Find("type")) {
      const Array types = type->is_array() ? type->AsArray() : Array{*type};
      for (const Value& word : types) {
        if (!kTypes.contains(word.AsString())) Say(where, "unknown type " + word.AsString());
      }
    }
    const Value* properties = schema.Find("properties");
    for (const Value& name : ListOf(schema, "required")) {
      if (properties == nullptr || properties->Find(name.AsString()) == nullptr) {
        Say(where, "requires " + name.AsString() + ", which it does not describe");
      }
    }
    if (properties != nullptr) {
      for (const Member& property : properties->AsObject()) Schema(property.value, where + "." + property.name);
    }
    for (const char* name : {"items", "additionalProperties"}) {
      if (const Value* inner = schema.Find(name)) Schema(*inner, where + "." + name);
    }
    for (const Value& inner : ListOf(schema, "allOf")) Schema(inner, where + ".allOf");
  }

  void References(const Value& value, const std::string& where) {
    if (value.is_array()) {
      for (const Value& element : value.AsArray()) References(element, where);
    }
    if (!value.is_object()) return;
    for (const Member& member : value.AsObject()) {
      if (member.name == "example") continue;
      if (member.name == "$ref" && api_.Resolve(member.value.AsString()) == nullptr) {
        Say(where, "refers to " + member.value.AsString() + ", which is not there");
      }
      References(member.value, where + "/" + member.name);
    }
  }

  const OpenApi& api_;
  std::set<std::string> tags_, ids_;
  std::vector<std::string> faults_;
};

}  // namespace

const Value* Operation::Example() const {
  const Value* body = document.Find("requestBody");
  const Value* content = body == nullptr ? nullptr : body->Find("content");
  return content == nullptr ? nullptr : content->AsObject().begin()->value.Find("example");
}

bool Operation::NeedsBody() const {
  const Value* body = document.Find("requestBody");
  const Value* required = body == nullptr ? nullptr : body->Find("required");
  return required != nullptr && required->AsBool();
}

Value ReadYaml(const std::string& path) {
  const YamlResult yaml = ParseYaml(ReadFile(path));
  if (!yaml.faults.empty() || yaml.documents.size() != 1) {
    throw std::runtime_error(path + ": " + (yaml.faults.empty() ? "not one document" : yaml.faults[0].issue.message));
  }
  return yaml.documents[0].value;
}

OpenApi::OpenApi() {
  document_ = ReadYaml(std::string(kFolder) + "openapi.yaml");
  const Value* paths = document_.Find("paths");
  if (paths == nullptr) throw std::runtime_error("docs/api/openapi.yaml has no paths");
  for (const Member& path : paths->AsObject()) {
    for (const Member& member : path.value.AsObject()) {
      if (std::find(std::begin(kMethods), std::end(kMethods), member.name) == std::end(kMethods)) continue;
      Operation& operation = operations_.emplace_back();
      operation.method = Upper(member.name);
      operation.path = path.name;
      operation.document = member.value;
      if (const Value* id = member.value.Find("operationId")) operation.id = id->AsString();
      const Value* security = member.value.Find("security");
      operation.is_public = security != nullptr && security->AsArray().empty();
      for (const Value* parameters : {path.value.Find("parameters"), member.value.Find("parameters")}) {
        if (parameters == nullptr) continue;
        for (const Value& given : parameters->AsArray()) {
          const Value* to = given.Find("$ref") == nullptr ? &given : Resolve(given.Find("$ref")->AsString());
          if (to == nullptr) continue;
          const std::string name = to->Find("name")->AsString(), in = to->Find("in")->AsString();
          if (in == "path") operation.path_parameters[name] = *to;
          if (in != "path") operation.other_parameters.push_back(in + " " + name);
        }
      }
    }
  }
}

const Operation& OpenApi::ById(const std::string& id) const {
  for (const Operation& operation : operations_) {
    if (operation.id == id) return operation;
  }
  throw std::runtime_error("docs/api/openapi.yaml has no operation " + id);
}

std::vector<std::string> OpenApi::Faults() const {
  return Checker(*this).Run();
}

const Value* OpenApi::Resolve(const std::string& reference) const {
  const std::size_t hash = reference.find('#');
  const std::string file = reference.substr(0, hash);
  const std::string pointer = hash == std::string::npos ? "" : reference.substr(hash + 1);
  if (file.empty()) return Walk(document_, pointer);
  if (!files_.contains(file)) {
    const Result<Value> value = ParseJson(ReadFile(kFolder + file));
    files_[file] = value ? *value : Value();
  }
  const Value& root = files_[file];
  return root.is_null() ? nullptr : Walk(root, pointer);
}

}  // namespace guidon
