#include "format/format.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "format/edit.h"
#include "format/tree.h"
#include "yaml/yaml.h"

namespace guidon {
namespace {

using format::Tree;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Without byte order mark, with \n as the only end of a line, and one at the end.
std::string Plain(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::string plain;
  plain.reserve(text.size() + 1);
  std::copy_if(text.begin(), text.end(), std::back_inserter(plain), [](char c) { return c != '\r'; });
  if (!plain.empty() && plain.back() != '\n') plain += '\n';
  return plain;
}

// Readers disagree whether one that stands alone ends a line.
Status CheckCarriageReturns(std::string_view text) {
  std::size_t line = 1, begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++line;
      begin = i + 1;
    } else if (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n')) {
      return Fail(ErrorCode::kInvalid,
                  std::to_string(line) + ":" + std::to_string(i - begin + 1) +
                      ": a carriage return without a line feed (within a text write \\r in double quotes)");
    }
  }
  return {};
}

// What can be laid out.
Result<YamlResult> Parsed(std::string_view text) {
  YamlResult yaml = ParseYaml(text);
  if (yaml.faults.empty()) {
    if (const Status checked = CheckCarriageReturns(text); !checked) return Fail(checked.error());
    return yaml;
  }
  const YamlFault& fault = yaml.faults.front();
  return Fail(ErrorCode::kInvalid, std::to_string(fault.at.line) + ":" + std::to_string(fault.at.column) + ": " +
                                       fault.issue.message +
                                       (fault.issue.hint.empty() ? "" : " (" + fault.issue.hint + ")"));
}

bool SaysTheSame(const YamlResult& one, const YamlResult& other) {
  return std::equal(one.documents.begin(), one.documents.end(), other.documents.begin(), other.documents.end(),
                    [](const YamlDocument& a, const YamlDocument& b) { return a.value == b.value; });
}

std::vector<std::string> Sorted(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  return texts;
}

Error Unfaithful(const std::string& what) {
  return {ErrorCode::kInternal, "the layout would " + what + ", so the text was left as it is: please report this", {}};
}

}  // namespace

Result<Tree> format::TreeOf(std::string_view text) {
  if (const Result<YamlResult> parsed = Parsed(text); !parsed) return Fail(parsed.error());
  return ReadTree(Plain(text));
}

Result<std::string> FormatYaml(std::string_view text, const FormatOptions& options) {
  const Result<YamlResult> before = Parsed(text);
  if (!before) return Fail(before.error());
  Result<Tree> tree = format::ReadTree(Plain(text));
  if (!tree) return Fail(tree.error());
  std::vector<std::string> comments = Sorted(tree->comments);
  std::string formatted = format::WriteTree(*std::move(tree), options.columns);

  const Result<YamlResult> after = Parsed(formatted);
  if (!after || !SaysTheSame(*before, *after)) return Fail(Unfaithful("change what it says"));
  const Result<std::vector<std::string>> kept = CommentsOf(formatted);
  if (!kept || Sorted(*kept) != comments) return Fail(Unfaithful("lose a comment"));
  return formatted;
}

Result<std::vector<std::string>> CommentsOf(std::string_view text) {
  Result<Tree> tree = format::TreeOf(text);
  if (!tree) return Fail(tree.error());
  return std::move(tree->comments);
}

}  // namespace guidon
