#include "lsp/conversation.h"

#include "core/base/json.h"
#include "lsp/completion.h"
#include "lsp/outline.h"
#include "tests/fuzz/targets.h"

namespace guidon::fuzz {
namespace {

void CheckPlaces(const std::string& bytes) {
  const lsp::Text text(bytes);
  for (const lsp::Encoding encoding : {lsp::Encoding::kUtf8, lsp::Encoding::kUtf16}) {
    for (std::size_t at = 0; at <= text.size(); at += 1 + text.size() / 64) {
      const lsp::Place place = text.PlaceOf(at, encoding);
      const std::size_t back = text.OffsetOf(place, encoding);
      Require(back <= at && text.PlaceOf(back, encoding) == place, "a place leads back to its character");
    }
  }
}

void CheckNode(const lsp::Node& node, std::size_t size) {
  Require(node.begin <= node.end && node.end <= size, "what stands in a text is within it");
  for (const lsp::Entry& entry : node.entries) {
    Require(entry.begin <= entry.end && entry.end <= size, "a key is within its text");
    CheckNode(entry.value, size);
  }
}

// The text as a flag of a workspace, with the cursor in several places.
void CheckHelp(const std::string& bytes) {
  static const lsp::Schemas schemas;
  lsp::Folder folder("/nowhere");
  const std::string file = "flags/a.yaml";
  folder.Put(file, lsp::Text(bytes));
  for (std::size_t at = 0; at <= bytes.size(); at += 1 + bytes.size() / 8) {
    const lsp::Suggestions found = lsp::SuggestionsAt(folder, schemas, file, at);
    Require(found.begin <= found.end && found.end <= bytes.size(), "what is replaced is within the text");
  }
}

}  // namespace

void Lsp(std::string_view input) {
  const std::string text(input.substr(0, 16 << 10));
  CheckPlaces(text);
  for (const lsp::Node& document : lsp::OutlineOf(text).documents) CheckNode(document, text.size());
  CheckHelp(text);

  // As the stream itself, and as one message of it.
  lsp::Conversation raw({});
  raw.Take(input);
  raw.Settle();
  lsp::Conversation conversation({});
  conversation.Take(lsp::Framed(R"({"id":1,"method":"initialize","params":{}})"));
  const std::string answer = conversation.Take(lsp::Framed(input)) + conversation.Settle();
  lsp::FrameReader reader;
  reader.Feed(answer);
  while (const std::optional<lsp::Frame> frame = reader.Next()) {
    Require(frame->kind == lsp::Frame::Kind::kMessage && ParseJson(frame->text).has_value(), "what is said is JSON");
  }
}

}  // namespace guidon::fuzz
