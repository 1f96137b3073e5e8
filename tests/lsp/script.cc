#include "tests/lsp/script.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "lsp/framing.h"
#include "lsp/uri.h"
#include "yaml/yaml.h"

namespace guidon::testing {
namespace {

namespace fs = std::filesystem;

std::string Replaced(std::string text, std::string_view what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
  return text;
}

Value WithRoot(const Value& value, const std::string& root) {
  if (value.is_string()) return Replaced(value.AsString(), "$ROOT", root);
  if (value.is_array()) {
    Array array;
    for (const Value& element : value.AsArray()) array.push_back(WithRoot(element, root));
    return array;
  }
  if (!value.is_object()) return value;
  Object object;
  for (const Member& member : value.AsObject()) object.Set(member.name, WithRoot(member.value, root));
  return object;
}

bool IsSomewhere(const Value& expected, const Value& list) {
  const Array& all = list.AsArray();
  return std::any_of(all.begin(), all.end(), [&](const Value& one) { return Mismatch(expected, one).empty(); });
}

std::string Special(const Member& wish, const Value& actual) {
  if (wish.name == "$has") {
    const bool has = actual.AsString().find(wish.value.AsString()) != std::string::npos;
    return has ? "" : " does not have '" + wish.value.AsString() + "': " + ToJson(actual);
  }
  if (wish.name == "$count") {
    const bool fits = static_cast<std::int64_t>(actual.AsArray().size()) == wish.value.AsInt();
    return fits ? "" : " has " + std::to_string(actual.AsArray().size()) + " elements: " + ToJson(actual);
  }
  for (const Value& expected : wish.value.AsArray()) {
    if (IsSomewhere(expected, actual) == (wish.name == "$lacks")) {
      return (wish.name == "$lacks" ? " has " : " lacks ") + ToJson(expected) + ": " + ToJson(actual);
    }
  }
  return "";
}

class Script {
 public:
  Script(const std::string& folder, Peer& peer) : folder_(folder), root_(lsp::UriOfPath(folder)), peer_(peer) {}

  void Take(const Value& step) {
    for (const Member& part : step.AsObject()) {
      const Value value = WithRoot(part.value, root_);
      if (part.name == "write") {
        for (const Member& file : value.AsObject()) Write(file.name, file.value.AsString());
      } else if (part.name == "remove") {
        for (const Value& file : value.AsArray()) fs::remove(folder_ + "/" + file.AsString());
      } else if (part.name == "send") {
        Send(value);
      } else if (part.name == "raw") {
        peer_.Send(value.AsString());
      } else if (part.name == "expect") {
        Expect(value);
      } else if (part.name == "exit") {
        EXPECT_EQ(peer_.ExitCode(), static_cast<int>(value.AsInt()));
      } else {
        ADD_FAILURE() << "no such step: " << part.name;
      }
    }
  }

 private:
  void Write(const std::string& file, const std::string& text) {
    const fs::path path = fs::path(folder_) / file;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }

  void Send(const Value& value) {
    std::string bytes;
    const auto add = [&](const Value& message) {
      Value whole = Object{{"jsonrpc", Value("2.0")}};
      for (const Member& member : message.AsObject()) whole.MutableObject().Set(member.name, member.value);
      bytes += lsp::Framed(ToJson(whole));
    };
    if (value.is_array()) {
      for (const Value& message : value.AsArray()) add(message);
    } else {
      add(value);
    }
    peer_.Send(bytes);
  }

  static bool IsMeant(const Value& expected, const Value& message) {
    if (const Value* id = expected.Find("id"); id != nullptr && expected.Find("method") == nullptr) {
      const Value* held = message.Find("id");
      return held != nullptr && *held == *id && message.Find("method") == nullptr;
    }
    if (TextOf(expected, "method") != TextOf(message, "method")) return false;
    const Value* wanted = expected.Find("params");
    const Value* params = message.Find("params");
    const std::string uri = wanted == nullptr ? "" : TextOf(*wanted, "uri");
    return uri.empty() || (params != nullptr && TextOf(*params, "uri") == uri);
  }

  void Expect(const Value& expected) {
    for (;;) {
      const auto found = std::find_if(messages_.begin(), messages_.end(),
                                      [&](const Value& message) { return IsMeant(expected, message); });
      if (found != messages_.end()) {
        EXPECT_EQ(Mismatch(expected, *found), "");
        messages_.erase(found);
        return;
      }
      const std::string bytes = peer_.Receive();
      if (bytes.empty()) {
        ADD_FAILURE() << "nothing came that would be " << ToJson(expected);
        return;
      }
      reader_.Feed(bytes);
      while (const std::optional<lsp::Frame> frame = reader_.Next()) {
        const Result<Value> message = ParseJson(frame->text);
        ASSERT_TRUE(message) << frame->text;
        messages_.push_back(*message);
      }
    }
  }

  const std::string folder_, root_;
  Peer& peer_;
  lsp::FrameReader reader_;
  std::deque<Value> messages_;
};

}  // namespace

std::string Mismatch(const Value& expected, const Value& actual) {
  if (expected.is_object()) {
    for (const Member& member : expected.AsObject()) {
      const Value* held = actual.Find(member.name);
      const std::string wrong = member.name.starts_with('$')
                                    ? Special(member, actual)
                                    : Mismatch(member.value, held == nullptr ? Value() : *held);
      if (!wrong.empty()) return (member.name.starts_with('$') ? "" : "." + member.name) + wrong;
    }
    return expected.AsObject().empty() && !actual.is_object() ? " is no object: " + ToJson(actual) : "";
  }
  if (expected.is_array() && actual.is_array() && expected.AsArray().size() == actual.AsArray().size()) {
    for (std::size_t i = 0; i < expected.AsArray().size(); ++i) {
      const std::string wrong = Mismatch(expected.AsArray()[i], actual.AsArray()[i]);
      if (!wrong.empty()) return "[" + std::to_string(i) + "]" + wrong;
    }
    return "";
  }
  return expected == actual ? "" : " is " + ToJson(actual) + ", not " + ToJson(expected);
}

void RunScript(const std::string& name, const std::string& folder, Peer& peer) {
  std::ifstream in(std::string(GUIDON_SOURCE_DIR "/tests/lsp/scripts/") + name, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  const YamlResult yaml = ParseYaml(text);
  ASSERT_TRUE(yaml.faults.empty()) << name << ":" << yaml.faults[0].at.line << ": " << yaml.faults[0].issue.message;
  ASSERT_EQ(yaml.documents.size(), 1u);
  Script script(folder, peer);
  const Array& steps = yaml.documents[0].value.AsArray();
  ASSERT_FALSE(steps.empty());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const int line = yaml.documents[0].positions.Of(Path().Index(i)).line;
    SCOPED_TRACE(name + ":" + std::to_string(line));
    script.Take(steps[i]);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace guidon::testing
