#include "refs/config.h"

#include <algorithm>

#include "core/codec/reader.h"
#include "core/model/names.h"
#include "refs/lexer.h"
#include "refs/scan.h"

namespace guidon::refs {
namespace {

using codec::Fields;
using codec::Node;

bool IsName(std::string_view text) {
  return !text.empty() && !(text.front() >= '0' && text.front() <= '9') &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsWordByte(c) || c == '$'; });
}

// "features.is_on" -> receiver and name.
void ReadName(const Node& node, Call& call) {
  const std::string text = codec::ReadName(node);
  std::size_t end = text.rfind("::"), length = 2;
  if (end == std::string::npos) end = text.rfind('.'), length = 1;
  call.name = end == std::string::npos ? text : text.substr(end + length);
  if (end != std::string::npos) {
    call.receiver = text.substr(0, end);
    // Of `shop::features::is_on` the nearest one is looked at.
    if (const std::size_t front = call.receiver.find_last_of(":."); front != std::string::npos) {
      call.receiver.erase(0, front + 1);
    }
  }
  if (node.value().is_string() && (!IsName(call.name) || (end != std::string::npos && !IsName(call.receiver)))) {
    node.Fault("bad_text", "'" + text + "' is no name of a function", "such as is_enabled or features.is_enabled");
  }
}

int ReadIndex(const Node& node) {
  return static_cast<int>(codec::ReadCount(node, 1, kMaxArguments)) - 1;
}

Wanted ReadWanted(const Node& node) {
  constexpr std::array<Wanted, 5> kAll = {Wanted::kUnknown, Wanted::kBoolean, Wanted::kString, Wanted::kNumber,
                                          Wanted::kJson};
  return codec::ReadWord(node, "type", kAll);
}

std::uint16_t ReadLanguages(const Node& node) {
  std::uint16_t all = 0;
  std::array<Language, std::size(kLanguages)> known;
  std::copy(std::begin(kLanguages), std::end(kLanguages), known.begin());
  for (const Language language : codec::ReadOneOrList(
           node, "languages", kMaxItems, [&](const Node& n) { return codec::ReadWord(n, "language", known); })) {
    all = static_cast<std::uint16_t>(all | BitOf(language));
  }
  return all;
}

Call ReadCall(const Node& node) {
  Call call{.name = "", .receiver = "", .how = How::kAlias, .languages = kAllLanguages};
  Fields fields(node, "a call");
  bool read = false;
  fields.Required("call", read, [&](const Node& n) {
    ReadName(n, call);
    return true;
  });
  fields.Optional("key", call.key, ReadIndex);
  fields.Optional("default", call.fallback, ReadIndex);
  fields.Optional("type", call.wanted, ReadWanted);
  fields.Optional("languages", call.languages, ReadLanguages);
  fields.Finish();
  if (call.fallback == call.key) node.Fault("bad_number", "the key and the default cannot be the same argument");
  call.least = static_cast<std::size_t>(call.key) + 1;
  return call;
}

Config ReadAll(const Node& root) {
  Config config;
  Fields document(root, "a config of references");
  bool read = false;
  document.Required("refs", read, [&](const Node& node) {
    Fields fields(node, "refs");
    fields.Optional("calls", config.calls,
                    [](const Node& n) { return codec::ReadList(n, "calls", kMaxItems, ReadCall); });
    fields.Optional("generated", config.generated,
                    [](const Node& n) { return codec::ReadOneOrList(n, "headers", kMaxItems, codec::ReadText); });
    fields.Finish();
    return true;
  });
  document.Finish();
  return config;
}

}  // namespace

Result<Config> ReadConfig(const Value& document) {
  return codec::Decode("refs", document, Strictness::kAuthored, ReadAll);
}

}  // namespace guidon::refs
