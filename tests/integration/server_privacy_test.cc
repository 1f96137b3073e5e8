// A unit that is erased: nobody reads it any more, and not a byte of it is left in the folder of the store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

#include "core/base/json.h"
#include "tests/support/guidond.h"
#include "tests/support/sdk_stream.h"

namespace guidon::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Long and without a pattern, so that no compression takes it apart and nothing else looks like it.
const std::string kUnit = "Zq7XvB31kPw0-Lm9RtYcU5.hJ2sDf8";

std::string ReadAll(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// Every key and value of a table, as they are when unpacked.
std::string Unpacked(const fs::path& table) {
  rocksdb::SstFileReader reader{rocksdb::Options()};
  if (const auto status = reader.Open(table); !status.ok()) return "";  // which was removed meanwhile
  std::string text;
  const std::unique_ptr<rocksdb::Iterator> iterator(reader.NewIterator({}));
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
    text.append(iterator->key().ToStringView()).append("\n").append(iterator->value().ToStringView()).append("\n");
  }
  EXPECT_TRUE(iterator->status().ok()) << table;
  return text;
}

// The extensions of the files below a folder that hold the text, as they are or unpacked: ".log", ".sst", …
std::set<std::string> FilesWith(const std::string& folder, const std::string& text) {
  std::set<std::string> kinds;
  for (const auto& file : fs::recursive_directory_iterator(folder)) {
    if (!file.is_regular_file()) continue;
    const std::string kind = file.path().extension();
    const bool is_there = ReadAll(file.path()).find(text) != std::string::npos;
    const bool is_within = kind == ".sst" && Unpacked(file.path()).find(text) != std::string::npos;
    if (is_there || is_within) kinds.insert(kind.empty() ? file.path().filename().string() : kind);
  }
  return kinds;
}

class PrivacyTest : public ::testing::Test {
 protected:
  PrivacyTest() {
    mkdir((folder_ / "backups").c_str(), 0700);
    options_.arguments = {"--backup-folder", folder_ / "backups"};
    server_.emplace(options_);
    admin_ = server_->admin_key();
  }

  std::string Must(int status, std::string_view method, const std::string& path, const std::string& body = "",
                   std::vector<std::pair<std::string, std::string>> headers = {}) {
    const HttpAnswer answer = server_->Call(method, path, {.body = body, .headers = std::move(headers)});
    EXPECT_EQ(answer.status, status) << method << " " << path << ": " << answer.body;
    return answer.body;
  }
  Finished Guidon(std::vector<std::string> words) {
    words.insert(words.begin(), GUIDON_BIN_DIR "/guidon");
    return guidon::testing::Run(std::move(words), {"GUIDON_SERVER=" + server_->url(), "GUIDON_KEY=" + admin_});
  }
  Value JsonOf(const Finished& finished) {
    Result<Value> value = ParseJson(finished.output);
    EXPECT_TRUE(value) << finished.output << finished.errors;
    return value ? *std::move(value) : Value();
  }
  std::string CountOf(const Value& state, std::string_view name) {
    const Value* counts = state.Find("counts");
    return counts == nullptr ? "" : ToJson(*counts->Find(name));
  }

  // The unit wherever a client can put it.
  void PutItEverywhere() {
    Must(201, "POST", "/api/v1/projects", R"({"project":"shop","environments":{"production":{},"staging":{}}})");
    const std::string flag = R"({"flag":"beta","type":"boolean","owner":"tests","description":"first for )" + kUnit +
                             R"(, then for all","environments":{"production":{"enabled":true,"targets":{"on":[")" +
                             kUnit + R"(","user-2"]},"rules":[{"id":"it","when":{"key":[")" + kUnit +
                             R"(","user-3"]},"serve":"on"}],"default":"off"}}})";
    Must(200, "POST", "/api/v1/projects/shop/apply",
         R"({"workspace":{"project":{"project":"shop","environments":{"production":{},"staging":{}}},"flags":[)" +
             flag +
             R"(,{"flag":"layout","type":"boolean","owner":"tests","environments":{"production":{"enabled":true,)"
             R"("default":"off"}}}],"metrics":[{"metric":"ordered","owner":"tests","event":"order",)"
             R"("type":"conversion","window":"72h"}],"experiments":[{"experiment":"try","flag":"layout",)"
             R"("environment":"production","owner":"tests","state":"running","unit":"key","variants":{)"
             R"("control":{"serves":"off","weight":"50%"},"new":{"serves":"on","weight":"50%"}},)"
             R"("metrics":{"primary":"ordered"}}],"segments":[{"segment":"friends","include":[")" +
             kUnit + R"("],"when":{"plan":"x"}}]}})",
         {{"Idempotency-Key", "apply-" + kUnit}});
    Must(200, "POST", "/api/v1/projects/shop/changes",
         R"({"comment":"asked for by )" + kUnit +
             R"(","changes":[{"kind":"flag","key":"beta","action":"patch","definition":{"owner":"others"}}]})");
    Must(201, "PUT", "/api/v1/projects/shop/flags/gone", flag.substr(0, 9) + "gone" + flag.substr(13));
    Must(200, "DELETE", "/api/v1/projects/shop/flags/gone");
    Must(201, "POST", "/api/v1/projects/shop/flags/beta/comments", R"({"text":"asked for by )" + kUnit + R"("})");
    Must(201, "POST", "/api/v1/projects/shop/change-requests",
         R"({"title":"for )" + kUnit + R"(","changes":[{"kind":"segment","key":"friends","action":"patch",)" +
             R"("definition":{"include":[")" + kUnit + R"(","user-9"]}}]})");
    Must(200, "POST", "/api/v1/projects/shop/environments/production/evaluate",
         R"({"flag":"beta","context":{"key":")" + kUnit + R"("}})");
    SendEvents("4v0b3k2m9x7c1q8d5n6p0a");
  }
  void SendEvents(const std::string& batch) {
    const std::string time = std::to_string(
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count());
    const std::string track = R"({"type":"track","event":"order","time":)" + time + R"(,"context":{"key":")";
    const auto exposure = [&](const std::string& unit, const std::string& variant) {
      return R"({"type":"exposure","time":)" + time +
             R"(,"flag":"layout","experiment":"try","iteration":1,"variant":")" + variant +
             R"(","role":"assigned","unit_attribute":"key","unit":")" + unit +
             R"(","bucket":7,"revision":1,"context":{"key":")" + unit + R"("}},)";
    };
    const std::string body = R"({"schema":1,"batch":")" + batch + R"(","events":[)" + exposure(kUnit, "new") +
                             exposure("user-3", "control") + track + kUnit + R"("},"attributes":{"mail":")" + kUnit +
                             R"("}},)" + track + R"(\u005a)" + kUnit.substr(1) + R"("}},)" + track +
                             R"(user-2"},"attributes":{"invited_by":")" + kUnit + R"("}},)" + track + R"(user-3"}}]})";
    const HttpAnswer answer = server_->Call("POST", "/sdk/v1/events", {.key = SdkKey(), .body = body});
    EXPECT_EQ(answer.status, 202) << answer.body;
    EXPECT_THAT(answer.body, HasSubstr(R"("accepted":6)"));
  }
  const std::string& SdkKey() {
    if (sdk_key_.empty()) sdk_key_ = server_->CreateSdkKey("shop", "production");
    return sdk_key_;
  }

  const TemporaryFolder folder_;
  GuidondOptions options_;
  std::optional<Guidond> server_;
  std::string admin_, sdk_key_;
};

TEST_F(PrivacyTest, AUnitThatIsErasedIsInNoFileAndNoAnswerAndTheAuditLogStillVerifies) {
  PutItEverywhere();
  const Revision before =
      static_cast<Revision>(JsonOf(Guidon({"flag", "get", "beta", "--json"})).Find("revision")->AsInt());
  ASSERT_EQ(Guidon({"backup", "create", "--name", "monday"}).exit_code, 0);
  ASSERT_EQ(server_->Stop(), 0);
  server_->Start();  // what was in the log is in tables now
  SendEvents("4v0b3k2m9x7c1q8d5n6p0b");
  EXPECT_THAT(FilesWith(server_->data(), kUnit), ElementsAre(".log", ".sst")) << "the search would find it";
  EXPECT_TRUE(Eventually([&] {
    const HttpAnswer totals =
        server_->Call("GET", "/api/v1/projects/shop/environments/production/experiments/try/totals");
    return totals.body.find(R"("variant":"new","units":1)") != std::string::npos;
  }));
  // Of what analysis knows, the unit is part of the key.
  const std::string fact = "key" + std::string(1, '\0') + kUnit;
  EXPECT_THAT(FilesWith(server_->data(), fact), Not(IsEmpty())) << "the search would find it";
  fs::create_directory(folder_ / "backups/cut.partial");  // as a kill leaves it
  const std::string export_before = Guidon({"privacy", "export", "--unit", kUnit}).output;
  for (const char* class_of : {"definition", "audit", "event", "facts"}) {
    EXPECT_THAT(export_before, HasSubstr(R"({"class":")" + std::string(class_of)));
  }
  const Value snapshot = *ParseJson(Must(200, "GET", "/api/v1/projects/shop/environments/production/snapshot"));
  const std::string held = snapshot.Find("epoch")->AsString() + "-" + ToJson(*snapshot.Find("revision"));

  const Value dry = JsonOf(Guidon({"privacy", "erase", "--unit", kUnit, "--json"}));
  EXPECT_THAT(FilesWith(server_->data(), kUnit), ElementsAre(".log", ".sst")) << "without --yes";
  EXPECT_THAT(ToJson(*dry.Find("remains")), HasSubstr("cut.partial"));
  fs::remove(folder_ / "backups/cut.partial");
  const Finished erased = Guidon({"privacy", "erase", "--unit", kUnit, "--yes", "--json"});
  EXPECT_EQ(erased.exit_code, 0) << erased.output << erased.errors;
  EXPECT_THAT(FilesWith(server_->data(), kUnit), IsEmpty()) << "while it runs";
  const Value report = JsonOf(erased);
  for (const char* name : {"definitions", "notes", "past_versions", "events", "mentions", "facts", "audit_entries"}) {
    EXPECT_EQ(CountOf(report, name), CountOf(dry, name)) << name;
  }
  EXPECT_EQ(CountOf(report, "definitions"), "2");
  EXPECT_EQ(CountOf(report, "notes"), "2");
  EXPECT_THAT(Must(200, "GET", "/api/v1/projects/shop/change-requests/1"),
              AllOf(Not(HasSubstr(kUnit)), HasSubstr("user-9")));
  EXPECT_THAT(Must(200, "GET", "/api/v1/projects/shop/change-requests"), Not(HasSubstr(kUnit))) << "from memory";
  EXPECT_EQ(CountOf(report, "events"), "6");
  EXPECT_EQ(CountOf(report, "mentions"), "2");
  EXPECT_EQ(CountOf(report, "facts"), "1");
  EXPECT_EQ(CountOf(report, "audit_entries"), "2") << "the change, and the title of the request";
  EXPECT_EQ(ToJson(*report.Find("remains")), "[]");
  EXPECT_THAT(ToJson(*report.Find("backups")), HasSubstr(R"("name":"monday")"));
  EXPECT_THAT(ToJson(*report.Find("changes")), AllOf(HasSubstr(R"("definitions":["flag beta","segment friends"])"),
                                                     HasSubstr(R"("environments":["production"])")));
  EXPECT_THAT(ToJson(report), Not(HasSubstr(kUnit)));

  // The rules are what they were for everybody else.
  const std::string flag = Must(200, "GET", "/api/v1/projects/shop/flags/beta");
  EXPECT_THAT(flag, AllOf(HasSubstr(R"("targets":{"on":["user-2"]})"), HasSubstr("user-3"), HasSubstr("then for all")));
  // The past has its shape, evaluates, and does not know the unit.
  const std::string past = Must(200, "GET", "/api/v1/projects/shop/flags/beta?revision=" + std::to_string(before));
  EXPECT_THAT(past, AllOf(HasSubstr(R"("targets":{"on":["erased-)"), Not(HasSubstr(kUnit))));
  EXPECT_THAT(
      Must(200, "POST", "/api/v1/projects/shop/environments/production/evaluate",
           R"({"flag":"beta","revision":)" + std::to_string(before) + R"(,"context":{"key":")" + kUnit + R"("}})"),
      HasSubstr(R"("variation":"off")"));
  EXPECT_THAT(Guidon({"flag", "history", "beta"}).output, HasSubstr("(erased)"));
  const std::vector<Value> journal = server_->Journal("shop", "production");
  ASSERT_EQ(journal.size(), 2u);
  for (const Value& entry : journal) EXPECT_EQ(entry.Find("events")->AsArray().size(), 3u) << ToJson(entry);
  EXPECT_EQ(Guidon({"privacy", "export", "--unit", kUnit}).output, "");
  // Who streamed before gets the rules as a whole, not the changes that named the unit.
  SdkStream stream(server_->port(), SdkKey(), held);
  EXPECT_TRUE(stream.ReadUntil([&] { return stream.client().snapshots() == 1; })) << stream.fault();
  const std::string record = stream.client().records().at({"flag", "beta"});
  EXPECT_THAT(record, AllOf(HasSubstr("user-2"), Not(HasSubstr(kUnit))));

  const Finished verified = Guidon({"audit", "verify", "--json"});
  EXPECT_EQ(verified.exit_code, 0) << verified.output << verified.errors;
  EXPECT_EQ(ToJson(*JsonOf(verified).Find("redacted")), "2") << verified.output;
  const std::string log = Guidon({"audit", "log", "--json"}).output;
  EXPECT_THAT(log, AllOf(HasSubstr("privacy.erased"), HasSubstr("events: 6, mentions in events: 2"),
                         HasSubstr(R"("redacted":true)"), Not(HasSubstr(kUnit))));
  EXPECT_EQ(server_->Stop(), 0);
  EXPECT_THAT(FilesWith(server_->data(), kUnit), IsEmpty()) << "after its end";
  EXPECT_THAT(FilesWith(folder_ / "backups", kUnit), Not(IsEmpty())) << "backups are named, not touched";
  EXPECT_THAT(server_->Log(), Not(HasSubstr(kUnit)));
  server_->Start();
  EXPECT_EQ(Guidon({"audit", "verify"}).exit_code, 0);
  EXPECT_EQ(Guidon({"privacy", "erase", "--unit", kUnit, "--yes"}).exit_code, 0) << "once more, with nothing to do";
}

TEST_F(PrivacyTest, AMemberWhoIsErasedIsInNoFileAndTheAuditLogStillVerifies) {
  const std::string id = "Wd2PmK70vHy9-Gx4LsE63nTc", mail = "Nf4TbG81xQs6@shop.example", name = "Rk8JcV52oZi3";
  PutItEverywhere();
  Must(201, "PUT", "/api/v1/members/" + id,
       R"({"name":")" + name + R"(","email":")" + mail + R"(","bindings":[{"role":"admin"}]})");
  const Value made = *ParseJson(Must(201, "POST", "/api/v1/keys", R"({"kind":"admin","member":")" + id + "\"}"));
  const std::string key = made.Find("key")->AsString(), selector = made.Find("id")->AsString();
  for (const char* what : {"flags/beta", "change-requests/1"}) {
    EXPECT_EQ(server_
                  ->Call("POST", std::string("/api/v1/projects/shop/") + what + "/comments",
                         {.key = key, .body = R"({"text":"slower, please"})"})
                  .status,
              201);
  }
  EXPECT_EQ(server_
                ->Call("POST", "/api/v1/projects/shop/change-requests/1/approve",
                       {.key = key, .body = R"({"version":1,"comment":"fine with me"})"})
                .status,
            200);
  ASSERT_EQ(Guidon({"backup", "create", "--name", "monday"}).exit_code, 0);
  ASSERT_EQ(server_->Stop(), 0);
  server_->Start();  // what was in the log is in tables now
  const Finished early = Guidon({"privacy", "erase", "--member", id, "--yes"});
  EXPECT_NE(early.exit_code, 0);
  EXPECT_THAT(early.errors, HasSubstr("guidon member remove " + id));
  Must(200, "DELETE", "/api/v1/members/" + id);
  for (const std::string& text : {id, mail, name, selector}) {
    EXPECT_THAT(FilesWith(server_->data(), text), Not(IsEmpty())) << "the search would find " << text;
  }
  const std::string held = Guidon({"privacy", "export", "--member", id}).output;
  for (const char* class_of : {"member", "key", "comment", "change_request", "audit"}) {
    EXPECT_THAT(held, HasSubstr(R"({"class":")" + std::string(class_of)));
  }

  const Value dry = JsonOf(Guidon({"privacy", "erase", "--member", id, "--json"}));
  EXPECT_THAT(FilesWith(server_->data(), mail), Not(IsEmpty())) << "without --yes";
  const Finished erased = Guidon({"privacy", "erase", "--member", id, "--yes", "--json"});
  EXPECT_EQ(erased.exit_code, 0) << erased.output << erased.errors;
  for (const std::string& text : {mail, name, selector}) {
    EXPECT_THAT(FilesWith(server_->data(), text), IsEmpty()) << text << ", while it runs";
  }
  // A name of a record can be where a table began: the manifest says so until the next start.
  for (const std::string& kind : FilesWith(server_->data(), id)) EXPECT_THAT(kind, HasSubstr("MANIFEST"));
  const Value report = JsonOf(erased);
  for (const char* count : {"records", "notes", "past_versions", "audit_entries"}) {
    EXPECT_EQ(CountOf(report, count), CountOf(dry, count)) << count;
  }
  EXPECT_EQ(CountOf(report, "records"), "2") << "they, and their key";
  EXPECT_EQ(CountOf(report, "notes"), "3") << "two comments and an approval";
  EXPECT_EQ(ToJson(*report.Find("remains")), "[]");
  EXPECT_THAT(ToJson(*report.Find("backups")), HasSubstr(R"("name":"monday")"));
  EXPECT_THAT(Must(200, "GET", "/api/v1/projects/shop/flags/beta/comments"),
              AllOf(HasSubstr(R"("person":"erased-)"), HasSubstr("slower, please")));
  EXPECT_THAT(Must(200, "GET", "/api/v1/projects/shop/change-requests/1"),
              AllOf(HasSubstr(R"("person":"erased-)"), HasSubstr(R"("counts":false)")));
  EXPECT_THAT(Must(200, "GET", "/api/v1/keys"), Not(HasSubstr(selector))) << "from memory";
  EXPECT_EQ(Guidon({"privacy", "export", "--member", id}).output, "");
  EXPECT_THAT(Guidon({"audit", "log", "--json"}).output,
              AllOf(HasSubstr("a member, records: 2, requests and comments: 3"), Not(HasSubstr(id))));

  EXPECT_EQ(Guidon({"audit", "verify"}).exit_code, 0);
  EXPECT_EQ(server_->Stop(), 0);
  EXPECT_THAT(FilesWith(folder_ / "backups", mail), Not(IsEmpty())) << "backups are named, not touched";
  server_->Start();
  for (const std::string& text : {id, mail, name, selector}) EXPECT_THAT(FilesWith(server_->data(), text), IsEmpty());
  EXPECT_EQ(Guidon({"audit", "verify"}).exit_code, 0);
  EXPECT_EQ(Guidon({"privacy", "erase", "--member", id, "--yes"}).exit_code, 0) << "once more, with nothing to do";
}

TEST_F(PrivacyTest, AnErasureThatWasKilledIsFinishedByTheNextOne) {
  PutItEverywhere();
  const std::string body = R"({"unit":")" + kUnit + R"("})";
  for (int round = 0; round < 3; ++round) {
    Must(202, "POST", "/api/v1/privacy/erase", body);
    // At another place each time: at once, when it has begun, when what is current has been changed.
    const std::vector<std::string> signs = {"", "\"privacy.erase\"",
                                            R"("kind":"segment","key":"friends","change":"change")"};
    EXPECT_TRUE(Eventually([&] {
      return Must(200, "GET", "/api/v1/audit").find(signs[static_cast<std::size_t>(round)]) != std::string::npos;
    }));
    server_->Kill();
    server_->Start();
  }
  const Finished erased = Guidon({"privacy", "erase", "--unit", kUnit, "--yes"});
  EXPECT_EQ(erased.exit_code, 0) << erased.output << erased.errors;
  EXPECT_THAT(FilesWith(server_->data(), kUnit), IsEmpty());
  EXPECT_EQ(Guidon({"audit", "verify"}).exit_code, 0);
  EXPECT_EQ(server_->Stop(), 0);
  EXPECT_THAT(FilesWith(server_->data(), kUnit), IsEmpty());
}

}  // namespace
}  // namespace guidon::testing
