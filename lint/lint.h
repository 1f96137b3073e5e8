// What can be said shorter, plainer or safer in definitions, without meaning anything else.
//
//   Result<LintedText> linted = LintText(text, "flags/checkout.yaml");
//   for (const LintProblem& problem : linted->problems) Print(problem);
//   if (linted->fixed != text) Write(linted->fixed);
//
// A text that can be read and is no definition (a gate.yaml) is looked at for its layout only; so is a definition that
// cannot be decoded, of which `guidon validate` says what is wrong.
//
// Thread safety: pure functions. Cost: that of FormatYaml, some times over.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "yaml/yaml.h"

namespace guidon::lint {

struct LintRule {
  std::string_view id;    // "list-of-one"
  std::string_view asks;  // "a list of one value is that value"
};
std::span<const LintRule> LintRules();  // by id

struct LintProblem {
  std::string rule;
  SourcePosition at;    // in the text as it is
  std::string message;  // "[DE] is DE"
  bool fixable =
      true;  // false: by hand, as it takes a choice, or a comment stands where there would be no place for it
};

struct LintedText {
  std::vector<LintProblem> problems;  // by place
  std::string fixed;                  // the text with all done that can be; the text itself where there is nothing
  std::vector<LintProblem> left;      // of the fixed text: what takes somebody's hand
};

struct LintOptions {
  // Rules that are not asked. Without "layout" a text that is in another one stays in it: what would take lines that
  // are not as `guidon fmt` writes them is left to somebody's hand.
  std::set<std::string> skip = {};
  // What files of this folder and kind begin with (`# yaml-language-server: $schema=…`); empty: any.
  std::string modeline = {};
};

// `name` is the file's, for what it should be. kInvalid as FormatYaml. kInternal when the fixed text would not mean the
// same, would lack a comment, or is not left alone when looked at again: nobody should write it.
Result<LintedText> LintText(std::string_view text, std::string_view name, const LintOptions& options = {});

// The modeline of a text, the first one of its comments, which editors take; empty: none.
std::string ModelineOf(std::string_view text);

// What a text defines: "flag", "segment", "layer", "holdout", "experiment", "metric", "test", "project", "population";
// empty: nothing of these, or several.
std::string KindOf(std::string_view text);

}  // namespace guidon::lint
