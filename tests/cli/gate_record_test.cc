// guidon gate in the audit log of a real server: what is recorded, the receipt of it, and what it means that it cannot
// be.
#include <gmock/gmock.h>

#include <algorithm>

#include "core/base/json.h"
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class GateRecordTest : public ::testing::Test {
 protected:
  GateRecordTest() : files(SmallShop("shop")) {
    EXPECT_EQ(Cli({"apply", files.path()}).exit_code, 0);
    viewer = KeyOf("viewer");
  }
  Finished Cli(std::vector<std::string> arguments) { return GuidonOf(server, std::move(arguments)); }
  std::string KeyOf(const std::string& role) {
    const Finished made = Cli({"key", "create", "-p", "shop", "--kind", "admin", "--role", role});
    return made.output.substr(0, made.output.size() - 1);
  }
  std::vector<std::string> Words(std::vector<std::string> more) const {
    more.insert(more.begin(), {"gate", "-e", "production", "-w", files.path()});
    if (std::find(more.begin(), more.end(), "--now") == more.end()) {
      more.insert(more.end(), {"--now", "2026-11-30T12:00:00Z"});
    }
    return more;
  }
  Finished Gate(std::vector<std::string> more = {}) { return Cli(Words(std::move(more))); }
  Finished GateAs(const std::string& key, std::vector<std::string> more = {}) {
    return Guidon(Words(std::move(more)), {"GUIDON_SERVER=" + server.url(), "GUIDON_KEY=" + key});
  }
  std::vector<Value> Recorded() { return JsonLinesOf(Cli({"audit", "log", "--action", "gate.run", "--json"})); }
  std::string PublicKey() {
    const std::string log = server.Log();
    return log.substr(log.find("public_key=") + 11, 64);
  }
  void Break() {
    files.Write("gate.yaml", "policy: release\nrules: { static.owner: fail }\n");
    files.Write("flags/nobody.yaml", "flag: nobody\ntype: boolean\n");
  }

  Guidond server;
  const Workspace files;
  std::string viewer;
};

TEST_F(GateRecordTest, EachRunIsInTheLogAsItsDocumentSaysIt) {
  Break();
  const Finished run = Gate({"--json"});
  EXPECT_EQ(run.exit_code, 1) << run.output;
  EXPECT_EQ(run.errors, "");
  const Value document = JsonOf(run);
  const std::vector<Value> entries = Recorded();
  ASSERT_EQ(entries.size(), 1U);
  const Value& gate = *entries[0].Find("gate");
  for (const char* member : {"verdict", "policy", "policy_hash", "inputs_hash", "counts"}) {
    ASSERT_NE(document.Find(member), nullptr) << member;
    EXPECT_EQ(ToJson(*gate.Find(member)), ToJson(*document.Find(member))) << member;
  }
  EXPECT_EQ(ToJson(*gate.Find("failed")), R"(["static.owner"])");
  EXPECT_EQ(ToJson(*gate.Find("looked")), R"(["static","tests","change","live"])");
  EXPECT_EQ(gate.Find("day")->AsString(), "2026-11-30");
  EXPECT_THAT(Cli({"audit", "log", "--action", "gate.run"}).output,
              HasSubstr("gate.run: production may not be released: static.owner, by policy release\n"));
}

TEST_F(GateRecordTest, TheSameInputsGiveTheSameBytesAndHashThoughTheLogHasGrown) {
  const Finished first = Gate({"--json"}), second = Gate({"--json"});
  EXPECT_EQ(second.output, first.output);
  EXPECT_EQ(Recorded().size(), 2U);
  const auto hash = [&](const std::vector<std::string>& more) {
    return JsonOf(Gate(more)).Find("inputs_hash")->AsString();
  };
  const std::string here = JsonOf(first).Find("inputs_hash")->AsString();
  EXPECT_EQ(here.size(), 64U);
  EXPECT_NE(hash({"--json", "--now", "2026-12-01T12:00:00Z"}), here);
  EXPECT_EQ(hash({"--json", "--now", "2026-11-30T13:00:00Z"}), here);
  files.Write("gate.yaml", "policy: other\n");
  EXPECT_NE(hash({"--json"}), here);
  files.Remove("gate.yaml");
  EXPECT_EQ(hash({"--json"}), here);
  // What the server holds is an input, too.
  ASSERT_EQ(Cli({"flag", "off", "greeting", "-e", "production"}).exit_code, 0);
  EXPECT_NE(hash({"--json"}), here);
}

// A test that looks at `now` passes at one time of a day and fails at another: what decided was the moment.
TEST_F(GateRecordTest, WhereAConditionLooksAtNowTheMomentIsAnInput) {
  const auto at = [&](const std::string& time) {
    return JsonOf(Gate({"--json", "--now", "2026-11-30T" + time + "Z"}));
  };
  const auto hash = [](const Value& document) { return document.Find("inputs_hash")->AsString(); };
  EXPECT_EQ(hash(at("11:00:00")), hash(at("13:00:00")));
  const std::string flag =
                        "flag: noon\ntype: boolean\nowner: x\nenvironments:\n  production:\n    enabled: true\n"
                        "    rules: [{ when: ",
                    end = ", serve: on }]\n    default: off\n";
  files.Write("flags/noon.yaml", flag + "{ now: { after: 2026-11-30T12:00:00Z } }" + end);
  files.Write("tests/noon.yaml", "{ flag: noon, environment: production, given: {}, expect: off }\n");
  const Value before = at("11:00:00"), after = at("13:00:00");
  EXPECT_EQ(before.Find("verdict")->AsString(), "pass") << ToJson(before);
  EXPECT_EQ(after.Find("verdict")->AsString(), "fail") << ToJson(after);
  EXPECT_NE(hash(after), hash(before));
  EXPECT_EQ(hash(at("11:00:00")), hash(before));
  // In a segment, below other conditions, and where the server alone has it.
  files.Remove("tests/noon.yaml");
  files.Write("flags/noon.yaml", flag + "{ segment: late }" + end);
  files.Write("segments/late.yaml",
              "segment: late\nwhen: { any: [{ not: { now: { after: 2026-11-30T12:00:00Z } } }] }\n");
  EXPECT_NE(hash(at("11:00:00")), hash(at("13:00:00")));
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  files.Write("flags/noon.yaml", flag + "{ country: DE }" + end);
  files.Remove("segments/late.yaml");
  EXPECT_NE(hash(at("11:00:00")), hash(at("13:00:00")));
}

TEST_F(GateRecordTest, TheReceiptProvesThatTheEntryIsThere) {
  const std::string receipt = files / "gate.receipt";
  const std::string plain = Gate().output;
  const Finished run = Gate({"--receipt", receipt});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_EQ(run.output, plain);
  const std::string revision = ToJson(*Recorded()[0].Find("revision"));
  EXPECT_EQ(run.errors, "guidon: recorded as revision " + revision + "\n");
  EXPECT_THAT(TextFile(receipt), ::testing::MatchesRegex("gcp1\\.[a-z0-9]+\\." + revision + "\\.[0-9]+\\..*\n"));
  ASSERT_EQ(Cli({"flag", "off", "greeting", "-e", "production"}).exit_code, 0);  // the chain goes on
  const Finished verified = Cli({"audit", "verify", "--public-key", PublicKey(), "--checkpoints", receipt});
  EXPECT_EQ(verified.exit_code, 0) << verified.output << verified.errors;
  // Of another chain it proves that something is gone.
  Guidond other;
  ASSERT_TRUE(other.process().WaitForErrors("public_key="));
  const std::string key = other.Log().substr(other.Log().find("public_key=") + 11, 64);
  EXPECT_EQ(
      GuidonOf(other, {"audit", "verify", "--public-key", PublicKey(), "--public-key", key, "--checkpoints", receipt})
          .exit_code,
      1);
}

TEST_F(GateRecordTest, WhatCannotBeRecordedIsSaidAndMattersAsThePolicyWantsIt) {
  // A viewer may not even ask what a change would do; who may, and may not record, is made for this.
  ASSERT_EQ(Cli({"role", "set", "quiet", "--verbs", "definitions.read,definitions.write"}).exit_code, 0);
  const std::string quiet = KeyOf("quiet");
  const Finished wanted = GateAs(quiet);
  EXPECT_EQ(wanted.exit_code, 0) << wanted.output;
  EXPECT_THAT(wanted.errors, HasSubstr("guidon: not recorded: this key has no right to 'gate.record'"));
  EXPECT_THAT(wanted.output, Not(HasSubstr("recorded")));
  EXPECT_EQ(GateAs(quiet, {"--receipt", files / "gate.receipt"}).exit_code, 2);
  files.Write("gate.yaml", "record: required\n");
  const Finished refused = GateAs(quiet);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.output, HasSubstr("NO VERDICT  production: nothing found; the run is not recorded\n"));
  EXPECT_THAT(
      GateAs(quiet, {"--json"}).output,
      AllOf(HasSubstr(R"({"verdict":"none",)"), HasSubstr(R"("unrecorded":"this key has no right to 'gate.record')")));
  EXPECT_EQ(Gate().exit_code, 0);
  files.Write("gate.yaml", "record: off\n");
  const Finished off = GateAs(quiet);
  EXPECT_EQ(off.exit_code, 0);
  EXPECT_EQ(off.errors, "");
  EXPECT_EQ(Recorded().size(), 1U);
  // A fail stays one.
  Break();
  files.Write("gate.yaml", "record: required\nrules: { static.owner: fail }\n");
  EXPECT_EQ(GateAs(quiet).exit_code, 1);
}

TEST_F(GateRecordTest, ARecordIsRequiredOfThoseWhoMayAskAServer) {
  EXPECT_EQ(Gate({"--offline"}).exit_code, 0);
  EXPECT_TRUE(Recorded().empty());
  files.Write("gate.yaml", "record: required\n");
  const Finished offline = Gate({"--offline"});
  EXPECT_EQ(offline.exit_code, 0) << offline.output;
  EXPECT_EQ(offline.errors, "");
  EXPECT_THAT(offline.output, HasSubstr("not looked at: change, as --offline was given"));
  EXPECT_TRUE(Recorded().empty());
  EXPECT_EQ(Gate({"--offline", "--receipt", files / "gate.receipt"}).exit_code, 2);
  // Beside a file, no server is asked but for the record.
  ASSERT_EQ(Cli({"export", "-e", "production", "-o", files / "production.json"}).exit_code, 0);
  EXPECT_EQ(Gate({"--snapshot", files / "production.json"}).exit_code, 0);
  EXPECT_EQ(Recorded().size(), 1U);
  const Finished unreachable =
      Guidon(Words({"--snapshot", files / "production.json", "--server", "http://127.0.0.1:1"}), {"GUIDON_KEY=gdn_x"});
  EXPECT_EQ(unreachable.exit_code, 4);
  EXPECT_THAT(unreachable.errors, HasSubstr("not recorded: "));
  // A pass for a server that is away is none where the run has to be recorded: nobody reads of one.
  files.Write("gate.yaml", "record: required\nunreachable: pass\n");
  const Finished away =
      Guidon(Words({"--markdown", "--also", "junit=" + (files / "gate.xml"), "--server", "http://127.0.0.1:1"}),
             {"GUIDON_KEY=gdn_x"});
  EXPECT_EQ(away.exit_code, 4);
  EXPECT_THAT(away.output,
              HasSubstr("## ❔ No verdict on a release to production\n\nNothing is found to be wrong, but this "
                        "run has to be recorded, and is not: the server cannot be reached.\n"));
  EXPECT_THAT(TextFile(files / "gate.xml"), HasSubstr("<error message=\"this run has to be recorded, and is not: "));
  // A fail stays one.
  Break();
  files.Write("gate.yaml", "record: required\nrules: { static.owner: fail }\n");
  const Finished fail = Gate({"--offline"});
  EXPECT_EQ(fail.exit_code, 1);
  EXPECT_THAT(fail.output, HasSubstr("static.owner"));
}

}  // namespace
}  // namespace guidon::testing
