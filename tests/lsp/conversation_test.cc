// A language server as bytes: messages and their bounds, its life, and conversations that are written down.
#include "lsp/conversation.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "lsp/uri.h"
#include "tests/lsp/script.h"
#include "tests/support/process.h"

namespace guidon::lsp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

SessionOptions Options() {
  return {.version = "1", .now_ms = [] { return std::int64_t{1'800'000'000'000}; }};
}

std::vector<Value> MessagesIn(const std::string& bytes) {
  FrameReader reader;
  reader.Feed(bytes);
  std::vector<Value> messages;
  while (const std::optional<Frame> frame = reader.Next()) messages.push_back(ParseJson(frame->text).value());
  return messages;
}
std::string Message(const std::string& json) {
  return Framed(json);
}
// "1: result", "1: -32601"
std::vector<std::string> Answers(const std::string& bytes) {
  std::vector<std::string> answers;
  for (const Value& message : MessagesIn(bytes)) {
    const Value* id = message.Find("id");
    const Value* error = message.Find("error");
    answers.push_back((id == nullptr ? TextOf(message, "method") : ToJson(*id)) + ": " +
                      (error == nullptr ? "result" : std::to_string(NumberOf(*error, "code"))));
  }
  return answers;
}

const std::string kInitialize = Message(R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{}})");

TEST(FramingTest, MessagesComeInAnyPieces) {
  const std::string bytes = Framed("{\"a\":1}") + "content-length:2\nContent-Type: x\n\n{}" + Framed("[]");
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    FrameReader reader;
    std::vector<std::string> texts;
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      reader.Feed(std::string_view(bytes).substr(at, size));
      while (const std::optional<Frame> frame = reader.Next()) texts.push_back(frame->text);
    }
    EXPECT_THAT(texts, ElementsAre("{\"a\":1}", "{}", "[]")) << size;
  }
}

TEST(FramingTest, TooLargeAMessageIsPassedOver) {
  FrameReader reader;
  const std::string body(kMaxBodyBytes + 1, 'x');
  reader.Feed("Content-Length: " + std::to_string(body.size()) + "\r\n\r\nxx");
  EXPECT_EQ(reader.Next()->kind, Frame::Kind::kTooLarge);
  EXPECT_FALSE(reader.Next());
  reader.Feed(body.substr(2) + Framed("{}"));
  EXPECT_EQ(reader.Next()->text, "{}");
}

TEST(FramingTest, ABrokenHeaderIsTheEnd) {
  for (const std::string& bytes :
       {std::string("Content-Length: x\r\n\r\n{}"), std::string("Content-Length: -1\r\n\r\n{}"),
        std::string("Hello: you\r\n\r\n{}"), std::string(kMaxHeaderBytes, 'x'),
        std::string("Content-Length: 99999999999999999999999\r\n\r\n{}")}) {
    FrameReader reader;
    reader.Feed(bytes);
    EXPECT_EQ(reader.Next()->kind, Frame::Kind::kBroken) << bytes.substr(0, 40);
    reader.Feed(Framed("{}"));
    EXPECT_FALSE(reader.Next());
    Conversation conversation(Options());
    EXPECT_THAT(Answers(conversation.Take(bytes)), ElementsAre("null: -32600"));
    EXPECT_TRUE(conversation.has_ended());
    EXPECT_EQ(conversation.exit_code(), 2);
  }
}

TEST(ConversationTest, ItsLife) {
  Conversation conversation(Options());
  EXPECT_THAT(Answers(conversation.Take(Message(R"({"id":9,"method":"textDocument/hover","params":{}})"))),
              ElementsAre("9: -32002"));
  EXPECT_THAT(Answers(conversation.Take(kInitialize)), ElementsAre("1: result"));
  EXPECT_THAT(Answers(conversation.Take(kInitialize)), ElementsAre("1: -32600"));
  EXPECT_THAT(Answers(conversation.Take(Message(R"({"id":"two","method":"textDocument/nothing"})"))),
              ElementsAre("\"two\": -32601"));
  EXPECT_THAT(Answers(conversation.Take(Message(R"({"method":"textDocument/nothing"})"))), IsEmpty());
  EXPECT_THAT(Answers(conversation.Take(Message(R"({"id":3,"method":"shutdown"})"))), ElementsAre("3: result"));
  EXPECT_THAT(Answers(conversation.Take(Message(R"({"id":4,"method":"textDocument/hover"})"))),
              ElementsAre("4: -32600"));
  EXPECT_FALSE(conversation.has_ended());
  conversation.Take(Message(R"({"method":"exit"})"));
  EXPECT_TRUE(conversation.has_ended());
  EXPECT_EQ(conversation.exit_code(), 0);

  Conversation hasty(Options());
  hasty.Take(kInitialize + Message(R"({"method":"exit"})") + Message(R"({"id":5,"method":"shutdown"})"));
  EXPECT_EQ(hasty.exit_code(), 1) << "exit without shutdown";
}

TEST(ConversationTest, WhatIsNoMessageIsAnsweredAndItGoesOn) {
  Conversation conversation(Options());
  conversation.Take(kInitialize);
  EXPECT_THAT(Answers(conversation.Take(Message("{]}") + Message("[]") + Message("{\"id\":7}") +
                                        Message(R"({"id":{},"method":"x"})") + Message("\"\\ud8\"") +
                                        Message(R"({"id":8,"method":"shutdown"})"))),
              ElementsAre("null: -32700", "null: -32600", "7: -32600", "null: -32600", "null: -32700", "8: result"));
}

TEST(ConversationTest, HalfAPairIsTakenAsACharacter) {
  const testing::TemporaryFolder folder;
  std::ofstream(folder / "guidon.yaml") << "project: shop\n";
  const std::string document = R"("textDocument":{"uri":")" + UriOfPath(folder / "a.yaml") + "\"";
  Conversation conversation(Options());
  conversation.Take(kInitialize);
  // What a document is once the x of it was typed over.
  const auto changed = [&](const std::string& typed) {
    conversation.Take(
        Message(R"({"method":"textDocument/didOpen","params":{)" + document + R"(,"text":"description:   x!\n"}}})"));
    conversation.Take(
        Message(R"({"method":"textDocument/didChange","params":{)" + document +
                R"(},"contentChanges":[{"range":{"start":{"line":0,"character":15},"end":{"line":0,"character":16}},)" +
                R"("text":")" + typed + R"("}]}})"));
    const std::string bytes =
        conversation.Take(Message(R"({"id":2,"method":"textDocument/formatting","params":{)" + document + "}}}"));
    return TextOf(MessagesIn(bytes).at(0).Find("result")->AsArray().at(0), "newText");
  };
  for (const auto& [typed, text] : std::initializer_list<std::pair<const char*, const char*>>{
           {"b", "b"},
           {R"(b\ud83d)", "b\uFFFD"},
           {R"(\uDE00b)", "\uFFFDb"},
           {R"(\ud83d\ud83d\ude00\ude00)", "\uFFFD\U0001F600\uFFFD"},
           {R"(\ud83d\u0041)", "\uFFFDA"},
           {R"(b\\ud83d)", "b\\ud83d"}}) {
    EXPECT_EQ(changed(typed), "description: " + std::string(text) + "!\n") << typed;
  }
}

TEST(ConversationTest, ParametersOfAnyKindAreTaken) {
  Conversation conversation(Options());
  conversation.Take(kInitialize);
  const char* methods[] = {"initialized",
                           "textDocument/didOpen",
                           "textDocument/didChange",
                           "textDocument/didClose",
                           "textDocument/didSave",
                           "workspace/didChangeWatchedFiles",
                           "workspace/didChangeWorkspaceFolders",
                           "textDocument/completion",
                           "textDocument/hover",
                           "textDocument/definition",
                           "textDocument/references",
                           "textDocument/documentSymbol",
                           "textDocument/formatting",
                           "workspace/symbol",
                           "$/cancelRequest",
                           "$/setTrace"};
  const char* params[] = {
      "null",
      "[]",
      "{}",
      "7",
      R"({"textDocument":7,"position":[],"contentChanges":{"a":1},"changes":[[]],"event":[]})",
      R"({"textDocument":{"uri":"file:///none/a.yaml"},"position":{"line":-1,"character":1e300}})",
      R"({"textDocument":{"uri":"untitled:a","text":"a"},"contentChanges":[{"text":7},{"range":{}}]})"};
  int id = 10;
  for (const char* method : methods) {
    for (const char* given : params) {
      const std::string rest = std::string(R"("method":")") + method + R"(","params":)" + given + "}";
      conversation.Take(Message("{" + rest));
      const std::string number = std::to_string(++id);
      const std::vector<std::string> answers = Answers(conversation.Take(Message("{\"id\":" + number + "," + rest)));
      EXPECT_EQ(answers.size(), 1u) << method << " " << given;
    }
  }
}

TEST(ConversationTest, ARequestThatIsCancelledInTheSameBatchIsNotLookedAt) {
  Conversation conversation(Options());
  conversation.Take(kInitialize);
  const std::string ask = R"({"id":2,"method":"workspace/symbol","params":{"query":""}})";
  const std::string cancel = R"({"method":"$/cancelRequest","params":{"id":2}})";
  EXPECT_THAT(Answers(conversation.Take(Message(ask) + Message(cancel))), ElementsAre("2: -32800"));
  EXPECT_THAT(Answers(conversation.Take(Message(cancel) + Message(ask))), ElementsAre("2: result"));
}

// A text that is larger than what is looked at: it is told once, and nothing is done with it.
class LargeTextTest : public ::testing::Test {
 protected:
  LargeTextTest() {
    std::ofstream(folder_ / "guidon.yaml") << "project: shop\nenvironments: { production: {} }\n";
    std::filesystem::create_directories(folder_ / "flags");
    std::ofstream(folder_ / "flags/a.yaml") << "flag: a\ntype: bolean\n";
    Send(R"({"id":1,"method":"initialize","params":{}})");
  }
  // What is told, and how much is wrong with the document: "warning: …", "3 faults".
  std::vector<std::string> Send(const std::string& json) {
    std::string bytes = conversation_.Take(Message(json));
    bytes += conversation_.Settle();
    std::vector<std::string> said;
    for (const Value& message : MessagesIn(bytes)) {
      const Value* params = message.Find("params");
      if (TextOf(message, "method") == "window/showMessage") said.push_back("told: " + TextOf(*params, "message"));
      if (TextOf(message, "method") != "textDocument/publishDiagnostics" || TextOf(*params, "uri") != uri_) continue;
      said.push_back(ListIn(*params, "diagnostics").empty() ? "no faults" : "faults");
    }
    return said;
  }
  std::vector<std::string> Open(const std::string& text) {
    return Send(R"({"method":"textDocument/didOpen","params":{"textDocument":{"uri":")" + uri_ + R"(","text":)" +
                ToJson(Value(text)) + "}}}");
  }
  std::vector<std::string> Change(const std::string& change) {
    return Send(R"({"method":"textDocument/didChange","params":{"textDocument":{"uri":")" + uri_ +
                R"("},"contentChanges":[)" + change + "]}}");
  }
  static std::string Inserted(const std::string& text) {
    return R"({"range":{"start":{"line":0,"character":0},"end":{"line":0,"character":0}},"text":)" +
           ToJson(Value(text)) + "}";
  }
  bool IsFormatted() {
    const std::string bytes = conversation_.Take(
        Message(R"({"id":2,"method":"textDocument/formatting","params":{"textDocument":{"uri":")" + uri_ + R"("}}})"));
    return !MessagesIn(bytes).at(0).Find("result")->is_null();
  }

  const testing::TemporaryFolder folder_;
  const std::string uri_ = UriOfPath(folder_ / "flags/a.yaml");
  Conversation conversation_{Options()};
  const std::string comment_ = "#" + std::string(kMaxTextBytes / 2, 'x') + "\n";
  const char* const told_ =
      "told: flags/a.yaml is larger than 4 MiB: guidon does not look at it until it is smaller and opened again";
};

TEST_F(LargeTextTest, OpenedIsToldAndLeftAlone) {
  const std::string flag = "flag: a\ntype: bolean\n";
  EXPECT_THAT(Open(flag + comment_), ElementsAre("faults"));
  EXPECT_TRUE(IsFormatted());
  EXPECT_THAT(Open(flag + comment_ + comment_), ElementsAre(told_, "no faults"));
  EXPECT_FALSE(IsFormatted());
  EXPECT_THAT(Change(Inserted("x")), IsEmpty());
  EXPECT_THAT(Open(flag), ElementsAre("faults"));
  EXPECT_TRUE(IsFormatted());
}

TEST_F(LargeTextTest, GrownIsToldOnceAndLookedAtAgainWhenItIsSentWholeAndSmaller) {
  const std::string flag = "flag: a\ntype: bolean\n";
  EXPECT_THAT(Open(flag), ElementsAre("faults"));
  EXPECT_THAT(Change(Inserted(comment_)), ElementsAre("faults"));
  EXPECT_THAT(Change(Inserted(comment_) + "," + Inserted("x")), ElementsAre(told_, "no faults"));
  EXPECT_FALSE(IsFormatted());
  EXPECT_THAT(Change(Inserted("y")), IsEmpty());
  EXPECT_THAT(Change("{\"text\":" + ToJson(Value(comment_ + comment_)) + "}"), IsEmpty());
  EXPECT_THAT(Change(R"({"text":"flag: a\n"})"), ElementsAre("faults"));
  EXPECT_TRUE(IsFormatted());
}

// It may have been a change: an edit by what was there before it would spoil the text.
TEST_F(LargeTextTest, AMessageThatWasNotReadLeavesNoDocumentAsItWas) {
  EXPECT_THAT(Open("flag:   a\n"), ElementsAre("faults"));
  EXPECT_TRUE(IsFormatted());
  EXPECT_THAT(Change(Inserted(std::string(kMaxBodyBytes, 'x'))),
              ElementsAre("told: a message of more than 32 MiB was not read: guidon does not look at what is open now "
                          "until it is opened again",
                          "no faults"));
  EXPECT_FALSE(IsFormatted());
  EXPECT_THAT(Open("flag:   a\n"), ElementsAre("faults"));
  EXPECT_TRUE(IsFormatted());
}

// Within this process.
class Here : public testing::Peer {
 public:
  void Send(const std::string& bytes) override {
    received_ += conversation_.Take(bytes);
    received_ += conversation_.Settle();
  }
  std::string Receive() override { return std::exchange(received_, ""); }
  std::optional<int> ExitCode() override {
    return conversation_.has_ended() ? std::optional(conversation_.exit_code()) : std::nullopt;
  }

 private:
  Conversation conversation_{Options()};
  std::string received_;
};

class ScriptTest : public ::testing::TestWithParam<const char*> {};

TEST_P(ScriptTest, GoesAsItIsWritten) {
  const testing::TemporaryFolder folder;
  Here peer;
  testing::RunScript(std::string(GetParam()) + ".yaml", folder.path(), peer);
}

INSTANTIATE_TEST_SUITE_P(Scripts, ScriptTest, ::testing::Values("editing", "faults", "folders", "populations", "roots"),
                         [](const auto& given) { return std::string(given.param); });

}  // namespace
}  // namespace guidon::lsp
