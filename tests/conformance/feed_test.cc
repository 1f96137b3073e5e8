// Version 1 of the stream is frozen: for the recorded edits of wire/v1/server/edits.json the server's feed emits
// wire/v1/server/stream.sse, byte for byte. Whoever has to change that file breaks clients that are out there.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/json.h"
#include "core/codec/codec.h"
#include "server/catalog/catalog.h"
#include "server/feed/feed.h"
#include "server/store/store.h"

namespace guidon::conformance {
namespace {

const std::string kFolder = GUIDON_SOURCE_DIR "/tests/conformance/wire/v1/server/";

std::string ReadFile(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

// A server without its sockets, and one stream of it.
class RecordedServer {
 public:
  explicit RecordedServer(const std::string& epoch) : feed_(epoch, {}, nullptr) {
    const Status loaded = catalog_.Load();
    EXPECT_TRUE(loaded) << loaded.error().message;
  }

  void Put(const Value& project) {
    const Result<Project> decoded = DecodeProject(project);
    ASSERT_TRUE(decoded) << decoded.error().message;
    const Result<Committed> done = catalog_.PutProject(*decoded, {}, {"system", "", ""}, std::nullopt);
    ASSERT_TRUE(done) << done.error().message;
    project_ = decoded->key;
  }

  void Commit(const Array& edits) {
    CommitRequest request;
    request.project = project_;
    request.author = {"system", "", ""};
    for (const Value& value : edits) {
      Edit edit;
      if (const Value* removed = value.Find("delete")) {
        const Member& member = *removed->AsObject().begin();
        edit.ref = {*EntityKindFromString(member.name), member.value.AsString()};
        edit.action = Edit::Action::kDelete;
      } else {
        edit.ref = *RefOfDefinition(value);
        edit.definition = value;
      }
      request.edits.push_back(std::move(edit));
    }
    const Result<Committed> done = catalog_.Commit(request);
    ASSERT_TRUE(done) << done.error().message << (done.error().issues.empty() ? "" : done.error().issues[0].message);
  }

  // What the stream of the environment has to say now.
  std::string Pull(const std::string& environment) {
    std::string bytes;
    const auto channel = feed_.Find({project_, environment});
    while (const Bytes event = channel->Next(cursor_)) bytes += *event;
    return bytes;
  }
  std::string Heartbeat(const std::string& environment) { return *feed_.Find({project_, environment})->Heartbeat(); }

 private:
  std::unique_ptr<Store> store_ = OpenMemoryStore();
  Feed feed_;
  Catalog catalog_{*store_, feed_, {.today = [] { return std::chrono::sys_days(); }}};
  std::string project_;
  Cursor cursor_;
};

// Promise R10.
TEST(FeedConformanceTest, RecordedEditsAreStreamedAsTheyWereInVersion1) {
  const Result<Value> edits = ParseJson(ReadFile(kFolder + "edits.json"));
  ASSERT_TRUE(edits) << edits.error().message;
  const std::string environment = edits->Find("environment")->AsString();
  RecordedServer server(edits->Find("epoch")->AsString());
  server.Put(*edits->Find("project"));
  std::string sent;
  for (const Value& commit : edits->Find("commits")->AsArray()) {
    server.Commit(commit.AsArray());
    if (HasFatalFailure()) return;
    sent += server.Pull(environment);
    sent += server.Heartbeat(environment);
  }
  sent += *EncodeGoodbye(edits->Find("goodbye")->AsString(), 1200);
  const std::string recorded = ReadFile(kFolder + "stream.sse");
  if (sent == recorded) return;
  const std::string actual = (std::filesystem::temp_directory_path() / "guidon-stream.sse").string();
  std::ofstream(actual, std::ios::binary) << sent;
  const auto differs = std::mismatch(sent.begin(), sent.end(), recorded.begin(), recorded.end());
  FAIL() << "the stream differs from byte " << differs.first - sent.begin() << " on; what is sent is in " << actual;
}

}  // namespace
}  // namespace guidon::conformance
