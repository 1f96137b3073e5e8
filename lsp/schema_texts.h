// The files of experiments/schema; lsp/CMakeLists.txt makes the source of this.
//
// Thread safety: constants.
#pragma once

#include <span>
#include <string_view>

namespace guidon::lsp {

struct SchemaText {
  std::string_view file;  // "flag.schema.json"
  std::string_view json;
};
std::span<const SchemaText> SchemaTexts();

}  // namespace guidon::lsp
