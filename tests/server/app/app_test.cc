// What App puts together, where no room alone can show it.
#include "server/app.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "server/ingest/journal.h"
#include "server/store/chain.h"
#include "tests/server/store/store_fixture.h"
#include "tests/support/http.h"

namespace guidon {
namespace {

using std::chrono::days;
using testing::Eventually;

// A log into a file without a name.
class LogFile {
 public:
  LogFile() : file_(std::tmpfile()), log_(LogLevel::kInfo, fileno(file_)) {}
  ~LogFile() { std::fclose(file_); }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  const Log& log() const { return log_; }
  std::string Text() const {
    log_.Flush();
    std::string text(1 << 20, '\0');
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, pread(fileno(file_), text.data(), text.size(), 0))));
    return text;
  }

 private:
  std::FILE* const file_;
  const Log log_;
};

TEST(AppTest, HistoryThatIsOlderThanItsSettingIsGivenUp) {
  const TempFolder folder;
  {
    StoreOptions options;
    FakeClock clock;
    clock.Move(-days(1000));
    options.clock = clock.Function();
    const std::unique_ptr<Store> store = *OpenRocksStore(RocksOptions(folder, options));
    for (int i = 0; i < 3; ++i) {
      MustCommit(*store, Put("item/note/a", std::to_string(i)));
      clock.Move(days(100));
    }
  }
  Config config;
  config.listen = "127.0.0.1:0";
  config.data = RocksOptions(folder).folder;
  config.stop_seconds = 1;
  const LogFile log;
  auto app = App::Start(config, log.log(), {.history_first_look = std::chrono::milliseconds(1)});
  ASSERT_TRUE(app) << app.error().message;
  // The key that a first start makes is the newest revision, of now: all the others are older than 90 days.
  EXPECT_TRUE(Eventually([&] { return log.Text().find("history trimmed") != std::string::npos; })) << log.Text();
  EXPECT_NE(log.Text().find("oldest_revision=3"), std::string::npos) << log.Text();
  (*app)->Stop();
  app->reset();
  const std::unique_ptr<Store> store = *OpenRocksStore(RocksOptions(folder));
  EXPECT_EQ(ShowAll(*store, 2), ToString(ErrorCode::kGone));
  EXPECT_EQ(store->Get("item/note/a", 3)->value().value, "2");
}

TEST(AppTest, AuditEntriesThatAreOlderThanTheirSettingAreErasedAndWithoutItNoneIs) {
  const TempFolder folder;
  {
    StoreOptions options;
    FakeClock clock;
    clock.Move(-days(1000));
    options.clock = clock.Function();
    const std::unique_ptr<Store> store = *OpenRocksStore(RocksOptions(folder, options));
    for (int i = 0; i < 2; ++i) MustCommit(*store, Put("item/note/a", std::to_string(i)));
  }
  {
    // Somebody's, of now: what the server does by itself, such as the key of a first start, says nothing of the time.
    const std::unique_ptr<Store> store = *OpenRocksStore(RocksOptions(folder));
    MustCommit(*store, Put("item/note/a", "now"));
  }
  Config config;
  config.listen = "127.0.0.1:0";
  config.data = RocksOptions(folder).folder;
  config.stop_seconds = 1;
  for (const int set : {0, 20}) {
    config.audit_days = set;
    const LogFile log;
    auto app = App::Start(
        config, log.log(),
        {.history_first_look = std::chrono::milliseconds(1), .audit_first_look = std::chrono::milliseconds(1)});
    ASSERT_TRUE(app) << app.error().message;
    const std::string sign = set == 0 ? "listening" : "audit entries erased";
    EXPECT_TRUE(Eventually([&] { return log.Text().find(sign) != std::string::npos; })) << log.Text();
    (*app)->Stop();
    app->reset();
    const std::unique_ptr<Store> store = *OpenRocksStore(RocksOptions(folder));
    const StoredPayload audit = store->Revisions(1, 1, 1)->at(0).audit;
    EXPECT_EQ(audit.bytes, set == 0 ? "ana@shop.example" : "");
    EXPECT_EQ(audit.state, set == 0 ? StoredPayload::State::kPresent : StoredPayload::State::kRedacted);
    EXPECT_TRUE(VerifyChain(*store)->ok());
  }
}

TEST(AppTest, EventsThatAreOlderThanTheirSettingAreRemoved) {
  const TempFolder folder;
  {
    FakeClock clock;
    clock.Move(-days(1000));
    const std::unique_ptr<Store> store = *OpenRocksStore(RocksOptions(folder));
    JournalOptions options;
    options.clock = clock.Function();
    const std::unique_ptr<Journal> journal = *Journal::Open(*store, options);
    for (const char* id : {"batch-0000000001", "batch-0000000002", "batch-0000000003"}) {
      NewEntry entry{"shop", "production", "k", {}, ""};
      entry.batch.id = id;
      entry.batch.events = "[]";
      journal->Append(std::move(entry), [](const Result<Appended>& appended) { EXPECT_TRUE(appended); });
      clock.Move(days(15));
    }
  }
  Config config;
  config.listen = "127.0.0.1:0";
  config.data = RocksOptions(folder).folder;
  config.stop_seconds = 1;
  config.events_days = 20;
  const LogFile log;
  auto app = App::Start(config, log.log(), {.journal_first_look = std::chrono::milliseconds(1)});
  ASSERT_TRUE(app) << app.error().message;
  // The newest stays, and with it what came less than 20 days before.
  EXPECT_TRUE(Eventually([&] { return log.Text().find("events trimmed") != std::string::npos; })) << log.Text();
  EXPECT_NE(log.Text().find("batches=1 batch_ids=2"), std::string::npos) << log.Text();
  (*app)->Stop();
  app->reset();
  const std::unique_ptr<Store> store = *OpenRocksStore(RocksOptions(folder));
  EXPECT_EQ((*Journal::Open(*store, {}))->Read({})->entries.size(), 2u);
}

TEST(AppTest, ACheckpointOfTheAuditLogIsKeptAndLoggedWhileItRuns) {
  const TempFolder folder;
  Config config;
  config.listen = "127.0.0.1:0";
  config.data = RocksOptions(folder).folder;
  config.stop_seconds = 1;
  config.audit_key = config.data + ".pem";
  const LogFile log;
  auto app = App::Start(config, log.log(), {.checkpoint_look = std::chrono::milliseconds(1)});
  ASSERT_FALSE(app);  // a key that was named is not made up
  EXPECT_NE(app.error().message.find("the audit key " + config.audit_key), std::string::npos) << app.error().message;
  config.audit_key.clear();
  app = App::Start(config, log.log(), {.checkpoint_look = std::chrono::milliseconds(1)});
  ASSERT_TRUE(app) << app.error().message;
  EXPECT_TRUE(Eventually([&] { return log.Text().find("checkpoint=gcp1.") != std::string::npos; })) << log.Text();
  (*app)->Stop();
  const std::string text = log.Text();
  EXPECT_EQ(text.find("checkpoint=gcp1."), text.rfind("checkpoint=gcp1.")) << "one for each revision";
  app->reset();
  const std::unique_ptr<Store> store = *OpenRocksStore(RocksOptions(folder));
  EXPECT_EQ(store->Range(RangeQuery::Prefix("!checkpoint/"))->entries.size(), 1u);
  EXPECT_EQ(store->Range(RangeQuery::Prefix("!checkpoint-key/"))->entries.size(), 1u);
}

TEST(AppTest, PeopleAndMonitoringMayHaveAListenerOfTheirOwn) {
  const TempFolder folder;
  Config config;
  config.listen = config.admin_listen = "127.0.0.1:0";
  config.data = RocksOptions(folder).folder;
  config.port_file = config.data + ".address";
  const LogFile log;
  auto app = App::Start(config, log.log());
  ASSERT_TRUE(app) << app.error().message;
  const std::uint16_t port = (*app)->port(), admin = (*app)->admin_port();
  for (const char* path : {"/api/v1/projects", "/metrics", "/"}) {
    EXPECT_EQ(testing::HttpCall(port, "GET", path).status, 404) << path;
    EXPECT_NE(testing::HttpCall(admin, "GET", path).status, 404) << path;
  }
  for (const char* path : {"/sdk/v1/ruleset", "/sdk/v1/stream"}) {
    EXPECT_EQ(testing::HttpCall(port, "GET", path).status, 401) << path;
    EXPECT_EQ(testing::HttpCall(admin, "GET", path).status, 404) << path;
  }
  for (const char* path : {"/livez", "/readyz"}) {
    EXPECT_EQ(testing::HttpCall(port, "GET", path).status, 200) << path;
    EXPECT_EQ(testing::HttpCall(admin, "GET", path).status, 200) << path;
  }
  std::ifstream file(config.port_file);
  std::string first, second;
  EXPECT_TRUE(file >> first >> second);
  EXPECT_EQ(first, "127.0.0.1:" + std::to_string(port));
  EXPECT_EQ(second, "127.0.0.1:" + std::to_string(admin));
}

}  // namespace
}  // namespace guidon
