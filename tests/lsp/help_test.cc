// What an editor is told at a place: what could stand there, what this is, where it is made and used.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "lsp/session.h"
#include "lsp/uri.h"
#include "tests/support/process.h"

namespace guidon::lsp {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

constexpr std::pair<const char*, const char*> kShop[] = {
    {"guidon.yaml", "project: shop\nenvironments: { staging: {}, production: { description: For customers } }\n"},
    {"layers.yaml", "- { layer: checkout, unit: account_id }\n"},
    {"holdouts.yaml", "- { holdout: h1, owner: web, unit: account_id, size: 5% }\n"},
    {"segments/eu.yaml",
     "segment: eu-web\ndescription: The *EU*\nowner: web\nwhen: { country: [DE, FR], age: { gte: 18 } }\n"},
    {"metrics/orders.yaml",
     "- { metric: orders, owner: web, event: order, type: count, where: { currency: EUR } }\n"
     "- { metric: visits, owner: web, event: visit, type: count }\n"},
    {"flags/layout.yaml",
     "flag: layout\ntype: string\ndescription: One page or four\nowner: web\nvariations: { multi: m, single: s }\n"
     "environments:\n  production:\n    enabled: true\n    rules:\n      - { id: eu, when: { segment: eu-web }, serve: "
     "single }\n    default: multi\n"},
    {"flags/pay.yaml",
     "flag: pay\ntype: boolean\nowner: web\nenvironments: { production: { enabled: true, default: off } }\n"},
    {"experiments/one.yaml",
     "experiment: one\nowner: web\nhypothesis: One page sells more.\nflag: layout\nenvironment: production\nstate: "
     "running\nunit: account_id\n"
     "variants: { control: { serves: multi, weight: 50% }, treated: { serves: single, weight: 50% } }\n"
     "metrics: { primary: { use: orders, expect: up, detect: 2% } }\n"},
};

// What the server has, as a test says.
class FakeLive : public Live {
 public:
  void Configure(const std::string& server, const std::string& key) override { configured = server + " " + key; }
  LiveAnswer Ask(const std::string& project, const EntityRef& ref) override {
    asked = project + " " + ref.ToText();
    return answer;
  }
  LiveAnswer answer;
  std::string configured, asked;
};

class Editor {
 public:
  Editor() : session_({.version = "1", .now_ms = [] { return std::int64_t{1'800'000'000'000}; }, .live = &live}) {
    for (const auto& [file, text] : kShop) Write(file, text);
    const Value formats = ParseJson(R"({"textDocument": {"hover": {"contentFormat": ["markdown"]}}})").value();
    Ask("initialize", Object{{"rootUri", Value(UriOfPath(folder_.path()))}, {"capabilities", formats}});
  }

  void Write(const std::string& file, const std::string& text) {
    const std::filesystem::path path = folder_ / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }

  std::vector<Value> Tell(const std::string& method, Object params) {
    std::vector<Value> out = session_.Take(Object{{"method", Value(method)}, {"params", Value(std::move(params))}});
    for (Value& message : session_.Settle()) out.push_back(std::move(message));
    return out;
  }
  Value Ask(const std::string& method, Object params) {
    const std::vector<Value> out =
        session_.Take(Object{{"id", Value(++id_)}, {"method", Value(method)}, {"params", Value(std::move(params))}});
    EXPECT_EQ(out.size(), 1u);
    const Value* result = out.at(0).Find("result");
    EXPECT_NE(result, nullptr) << ToJson(out[0]);
    return result == nullptr ? Value() : *result;
  }

  // Opens the text, or changes to it; `¦` is where the cursor is.
  Object At(const std::string& file, std::string text) {
    const std::size_t cursor = text.find("¦");
    EXPECT_NE(cursor, std::string::npos);
    text.erase(cursor, std::string_view("¦").size());
    text_ = Text(text);
    const std::string uri = Uri(file);
    Tell("textDocument/didOpen", Object{{"textDocument", Object{{"uri", Value(uri)}, {"text", Value(text)}}}});
    const Place place = text_.PlaceOf(cursor, Encoding::kUtf16);
    return Object{{"textDocument", Object{{"uri", Value(uri)}}},
                  {"position", Object{{"line", Value(place.line)}, {"character", Value(place.character)}}}};
  }

  std::vector<std::string> Labels(const std::string& file, const std::string& text) {
    std::vector<std::string> labels;
    items_ = Ask("textDocument/completion", At(file, text));
    for (const Value& item : ListIn(items_, "items")) labels.push_back(TextOf(item, "label"));
    return labels;
  }
  bool IsIncomplete() const { return items_.Find("isIncomplete")->AsBool(); }
  // What becomes of the text when that one of the last labels is taken.
  std::string Taken(const std::string& label) const {
    for (const Value& item : ListIn(items_, "items")) {
      if (TextOf(item, "label") != label) continue;
      const Value& edit = *item.Find("textEdit");
      const auto offset = [&](const char* which) {
        const Value& place = *edit.Find("range")->Find(which);
        return text_.OffsetOf({static_cast<std::uint32_t>(NumberOf(place, "line")),
                               static_cast<std::uint32_t>(NumberOf(place, "character"))},
                              Encoding::kUtf16);
      };
      Text text = text_;
      text.Replace(offset("start"), offset("end"), TextOf(edit, "newText"));
      return text.str();
    }
    return "no such label";
  }

  std::string Hover(const std::string& file, const std::string& text) {
    const Value answer = Ask("textDocument/hover", At(file, text));
    const Value* contents = answer.Find("contents");
    return contents == nullptr ? "" : TextOf(*contents, "value");
  }

  // "segments/eu.yaml 0:9", …
  std::vector<std::string> Places(const char* method, const std::string& file, const std::string& text) {
    Object params = At(file, text);
    params.Append("context", Object{{"includeDeclaration", Value(true)}});
    std::vector<std::string> places;
    const Value answer = Ask(method, std::move(params));
    for (const Value& location : answer.AsArray()) {
      const Value& start = *location.Find("range")->Find("start");
      places.push_back(TextOf(location, "uri").substr(Uri("").size()) + " " + std::to_string(NumberOf(start, "line")) +
                       ":" + std::to_string(NumberOf(start, "character")));
    }
    return places;
  }
  std::vector<std::string> Defined(const std::string& file, const std::string& text) {
    return Places("textDocument/definition", file, text);
  }

  std::string Uri(const std::string& file) const { return UriOfPath(folder_.path()) + "/" + file; }

  FakeLive live;

 private:
  testing::TemporaryFolder folder_;
  Session session_;
  int id_ = 0;
  Text text_;
  Value items_;
};

constexpr const char* kRule =
    "flag: new\ntype: string\nvariations: { a: x, b: y }\nenvironments:\n  production:\n    rules:\n      - ";

std::string InRule(const std::string& text) {
  return kRule + text;
}

TEST(CompletionTest, NamesOfTheWorkspaceWhereNamesAreWanted) {
  Editor editor;
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("when: { segment: ¦ }\n")), ElementsAre("eu-web"));
  EXPECT_EQ(editor.Taken("eu-web"), InRule("when: { segment: eu-web }\n"));
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("when: { segment: eu-¦\n        serve: a\n")),
              ElementsAre("eu-web"));
  EXPECT_EQ(editor.Taken("eu-web"), InRule("when: { segment: eu-web\n        serve: a\n"));
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("when: { segment: [x, \"e¦\"] }\n")), ElementsAre("eu-web"));
  EXPECT_EQ(editor.Taken("eu-web"), InRule("when: { segment: [x, \"eu-web\"] }\n"));
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("when:\n          flag:\n            ¦\n")),
              ElementsAre("new", "layout", "pay"));
  EXPECT_EQ(editor.Taken("pay"), InRule("when:\n          flag:\n            pay: \n"));
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("experiment: ¦\n")), ElementsAre("one"));
  EXPECT_THAT(editor.Labels("experiments/two.yaml", "experiment: two\nflag: ¦\n"), ElementsAre("layout", "new", "pay"));
  EXPECT_THAT(editor.Labels("experiments/two.yaml", "environment: ¦\n"), ElementsAre("staging", "production"));
  EXPECT_THAT(editor.Labels("experiments/two.yaml", "holdout: ¦\nlayer: {}\n"), ElementsAre("h1"));
  EXPECT_THAT(editor.Labels("experiments/two.yaml", "layer: { name: ¦ }\n"), ElementsAre("checkout"));
  EXPECT_THAT(editor.Labels("experiments/two.yaml", "metrics: { primary: ¦ }\n"), ElementsAre("orders", "visits"));
  EXPECT_THAT(editor.Labels("experiments/two.yaml", "metrics:\n  secondary:\n    - ¦\n"),
              ElementsAre("orders", "visits"));
  EXPECT_THAT(editor.Labels("experiments/two.yaml", "metrics: { guardrails: [{ use: o¦ }] }\n"),
              ElementsAre("orders", "visits"));
  EXPECT_THAT(editor.Labels("flags/new.yaml", "flag: new\nenvironments: { ¦ }\n"),
              ElementsAre("staging", "production"));
  EXPECT_THAT(editor.Labels("tests/a.yaml", "- flag: layout\n  environment: production\n  expect: { rule: ¦ }\n"),
              ElementsAre("eu"));
}

TEST(CompletionTest, VariationsOfTheFlagAtHand) {
  Editor editor;
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("serve: ¦\n")), ElementsAre("a", "b"));
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("serve: { a: 20%, ¦ }\n")), ElementsAre("b"));
  EXPECT_EQ(editor.Taken("b"), InRule("serve: { a: 20%, b:  }\n"));
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("serve: a\n    default: ¦\n")), IsSupersetOf({"a", "b"}));
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("when: { flag: { layout: ¦ } }\n")),
              ElementsAre("multi", "single"));
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("when: { flag: { pay: ¦ } }\n")), ElementsAre("on", "off"));
  EXPECT_THAT(editor.Labels("flags/pay.yaml",
                            "flag: pay\ntype: boolean\nenvironments:\n  production:\n    off: ¦\n    enabled: true\n"),
              ElementsAre("on", "off"));
  EXPECT_THAT(editor.Labels("experiments/two.yaml", "flag: layout\nvariants: { control: { serves: ¦"),
              ElementsAre("multi", "single"));
  EXPECT_THAT(editor.Labels("tests/a.yaml", "- flag: layout\n  given: {}\n  expect: ¦\n"),
              IsSupersetOf({"multi", "single"}));
  EXPECT_THAT(editor.Labels("tests/a.yaml", "- experiment: one\n  expect: ¦\n"),
              ElementsAre("control", "treated", "none"));
}

TEST(CompletionTest, AttributesAreThoseInUseAndTheirValues) {
  Editor editor;
  const std::vector<std::string> in_condition = editor.Labels("flags/new.yaml", InRule("when: { ¦ }\n"));
  EXPECT_THAT(in_condition,
              IsSupersetOf({"all", "any", "not", "segment", "flag", "now", "country", "age", "account_id"}));
  EXPECT_THAT(in_condition, Not(Contains("currency"))) << "of events";
  EXPECT_THAT(in_condition, Not(Contains("starts_with"))) << "an operator";
  EXPECT_EQ(editor.Taken("country"), InRule("when: { country:  }\n"));
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("when:\n          ¦\n")), IsSupersetOf({"country", "segment"}));
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("when: { not: { cou¦ } }\n")), Contains("country"));
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("when: { country: ¦ }\n")), ElementsAre("DE", "FR"));
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("when: { age: { ¦ } }\n")),
              AllOf(IsSupersetOf({"in", "gte", "semver_gte", "in_cidr", "ignore_case"}), Not(Contains("segment"))));
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("when: { age: { gte: ¦ } }\n")), ElementsAre("18"));
  EXPECT_EQ(editor.Taken("18"), InRule("when: { age: { gte: 18 } }\n")) << "a number stays one";
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("by: ¦\n")), IsSupersetOf({"key", "account_id", "country"}));
  EXPECT_THAT(editor.Labels("metrics/new.yaml", "metric: new\nevent: ¦\n"), ElementsAre("order", "visit"));
  EXPECT_THAT(editor.Labels("metrics/new.yaml", "metric: new\nwhere: { ¦ }\n"),
              AllOf(Contains("currency"), Not(Contains("country")), Not(Contains("segment"))));
  editor.Write("segments/odd.yaml", "segment: odd\nowner: x\nwhen: { \"a: b\": \"yes, no\", on: \"1\" }\n");
  editor.Tell("textDocument/didSave", {});
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("when: { ¦ }\n")), Contains("a: b"));
  EXPECT_EQ(editor.Taken("a: b"), InRule("when: { \"a: b\":  }\n"));
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("when: { on: ¦ }\n")), ElementsAre("1"));
  EXPECT_EQ(editor.Taken("1"), InRule("when: { on: \"1\" }\n")) << "a text stays one";
}

TEST(CompletionTest, KeysAndWordsOfTheSchema) {
  Editor editor;
  EXPECT_THAT(editor.Labels("flags/new.yaml", "flag: new\n¦\n"),
              AllOf(IsSupersetOf({"type", "kind", "owner", "environments"}), Not(Contains("flag"))));
  EXPECT_EQ(editor.Taken("kind"), "flag: new\nkind: \n");
  EXPECT_EQ(editor.Taken("environments"), "flag: new\nenvironments:\n");
  EXPECT_THAT(editor.Labels("flags/new.yaml", "flag: new\nki¦nd: release\n"), Contains("kind"));
  EXPECT_EQ(editor.Taken("kind"), "flag: new\nkind: release\n");
  EXPECT_THAT(editor.Labels("flags/new.yaml", "flag: new\nkind: ¦\n"),
              ElementsAre("release", "experiment", "kill_switch", "permission"));
  EXPECT_THAT(editor.Labels("flags/new.yaml", "- flag: new\n  client: ¦\n"), ElementsAre("true", "false"));
  EXPECT_THAT(editor.Labels("flags/new.yaml", "- ¦\n"), Contains("flag"));
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("id: x\n        ¦\n")),
              AllOf(IsSupersetOf({"when", "serve", "rollout", "ramp", "by"}), Not(Contains("id"))));
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("¦\n")), IsSupersetOf({"id", "when", "serve"}));
  EXPECT_THAT(editor.Labels("experiments/one.yaml", "plan: { method: ¦ }\n"),
              ElementsAre("group_sequential", "sequential", "fixed"));
  EXPECT_THAT(editor.Labels("gate.yaml", "policy: x\n¦\n"), IsSupersetOf({"rules", "waivers", "unreachable"}));
  EXPECT_THAT(editor.Labels("gate.yaml", "rules:\n  ¦\n"), IsSupersetOf({"static.naming", "change.moves"}));
  EXPECT_THAT(editor.Labels("guidon.yaml", "project: shop\nenvironments:\n  production:\n    ¦\n"),
              Contains("description"));
  EXPECT_THAT(editor.Labels("flags/new.yaml", "flag: new # ¦\n"), IsEmpty());
  EXPECT_THAT(editor.Labels("flags/new.yaml", "description: |\n  ¦\n"), IsEmpty());
  EXPECT_THAT(editor.Labels("elsewhere/new.yaml", "¦\n"), IsEmpty());
}

TEST(CompletionTest, NamesInAPolicy) {
  Editor editor;
  EXPECT_THAT(editor.Labels("gate.yaml", "rules:\n  live.¦\n"), IsSupersetOf({"live.state", "static.expiry"}));
  EXPECT_THAT(editor.Labels("gate.yaml", "waivers:\n  - rule: ¦\n"),
              IsSupersetOf({"static.expiry", "code.settled-flag", "delivery.share"}));
  const auto demand = [&](const std::string& text) {
    return editor.Labels("gate.yaml", "rules:\n  live.state:\n    demands:\n      - " + text + "\n");
  };
  EXPECT_THAT(demand("{ flag: ¦ }"), ElementsAre("layout", "pay"));
  EXPECT_EQ(editor.Taken("pay"), "rules:\n  live.state:\n    demands:\n      - { flag: pay }\n");
  EXPECT_THAT(demand("{ flag: layout, serves: ¦ }"), ElementsAre("multi", "single"));
  EXPECT_THAT(demand("{ flag: pay, serves: ¦ }"), ElementsAre("on", "off"));
  EXPECT_THAT(demand("{ flag: pay, is: enabled, in: ¦ }"), ElementsAre("staging", "production"));
  EXPECT_THAT(demand("{ flag: pay, is: ¦ }"), ElementsAre("enabled", "disabled"));
  EXPECT_THAT(editor.Labels("gate.yaml", "rules:\n  static.personal-data: { attributes: [email, ¦] }\n"),
              IsSupersetOf({"account_id", "country"}));
  EXPECT_THAT(editor.Labels("gate.yaml", "rules:\n  static.expiry: ¦\n"), IsSupersetOf({"fail", "warn", "off"}));
}

TEST(CompletionTest, NamesInAPopulation) {
  Editor editor;
  const std::string file = "populations/shoppers.yaml";
  EXPECT_THAT(editor.Labels(file, "population: 9\n¦\n"), IsSupersetOf({"seed", "key", "attributes"}));
  const auto attribute = [&](const std::string& text) {
    return editor.Labels(file, "population: 9\nattributes:\n  " + text + "\n");
  };
  EXPECT_THAT(attribute("¦"), IsSupersetOf({"country", "age", "account_id"}));
  EXPECT_THAT(attribute("country: { ¦ }"), IsSupersetOf({"weights", "one_of", "missing"}));
  EXPECT_THAT(attribute("country: { weights: { ¦ } }"), IsSupersetOf({"DE", "FR"}));
  EXPECT_THAT(attribute("country: { weights: { DE: 1, ¦ } }"), AllOf(Contains("FR"), Not(Contains("DE"))));
  EXPECT_THAT(attribute("country: [¦]"), IsSupersetOf({"DE", "FR"}));
  EXPECT_THAT(attribute("country: { one_of: [DE, ¦] }"), Contains("FR"));
  EXPECT_THAT(attribute("plan: { by: ¦ }"), Contains("country"));
  EXPECT_THAT(attribute("plan: { by: country, cases: { ¦ } }"), IsSupersetOf({"DE", "FR"}));
  EXPECT_THAT(attribute("country: { by: age, cases: { 18: { value: ¦ } }, else: US }"),
              IsSupersetOf({"DE", "FR", "US"}));
}

TEST(CompletionTest, OfVeryManyThoseThatHoldWhatWasTyped) {
  Editor editor;
  std::string segments;
  for (int i = 0; i < 1'200; ++i) {
    segments += "- { segment: s" + std::to_string(i) + ", owner: x, when: { plan: pro } }\n";
  }
  editor.Write("segments/many.yaml", segments);
  editor.Tell("textDocument/didSave", {});
  EXPECT_THAT(editor.Labels("flags/new.yaml", InRule("when: { segment: s77¦ }\n")),
              ElementsAre("s77", "s770", "s771", "s772", "s773", "s774", "s775", "s776", "s777", "s778", "s779"));
  EXPECT_TRUE(editor.IsIncomplete());
  EXPECT_EQ(editor.Labels("flags/new.yaml", InRule("when: { segment: ¦ }\n")).size(), 1'000u);
}

TEST(HoverTest, ValuesAreBlocksOfTheirOwnLines) {
  Editor editor;
  const std::string flag =
      "flag: texts\ntype: json\nowner: web\nvariations:\n  small: { a: \"x\\\\y `z` **\" }\n  large: [" +
      std::string(3'000, 'x') + "]\n";
  std::string small = flag, large = flag;
  small.insert(flag.find("small"), "¦");
  large.insert(flag.find("large"), "¦");
  const std::string block = editor.Hover("flags/texts.yaml", small);
  EXPECT_THAT(block, HasSubstr("\n\n```json\n{\n"));
  EXPECT_THAT(block, ::testing::EndsWith("\n}\n```")) << block;
  EXPECT_THAT(editor.Hover("flags/texts.yaml", large), ::testing::EndsWith("…\n```")) << "cut, and still closed";
}

TEST(HoverTest, SaysWhatANameIsAndWhatItDoesByTheFiles) {
  Editor editor;
  EXPECT_THAT(editor.Hover("experiments/two.yaml", "flag: lay¦out\n"),
              AllOf(HasSubstr("**flag** `layout`"), HasSubstr("One page or four"), HasSubstr("owner web"),
                    HasSubstr("`single` = `\"s\"`"),
                    HasSubstr("- `production`: on, by default `multi`\n  - `eu` serves `single`")));
  EXPECT_THAT(editor.Hover("flags/new.yaml", InRule("when: { segment: eu-¦web }\n")),
              AllOf(HasSubstr("**segment** `eu-web`"), HasSubstr("The \\*EU\\*"), HasSubstr("country")));
  EXPECT_THAT(editor.Hover("experiments/two.yaml", "metrics: { primary: or¦ders }\n"),
              AllOf(HasSubstr("**metric** `orders`"), HasSubstr("count"), HasSubstr("`order`")));
  EXPECT_THAT(editor.Hover("flags/new.yaml", InRule("experiment: o¦ne\n")),
              AllOf(HasSubstr("One page sells more."), HasSubstr("50% `treated`"), HasSubstr("running")));
  EXPECT_THAT(editor.Hover("flags/new.yaml", "flag: new\nenvironments: { produc¦tion: {} }\n"),
              HasSubstr("For customers"));
  EXPECT_THAT(
      editor.Hover("flags/layout.yaml",
                   std::string(kShop[5].second).replace(std::string(kShop[5].second).rfind("multi"), 5, "mu¦lti")),
      AllOf(HasSubstr("**variation** `multi`"), HasSubstr("\"m\"")));
  EXPECT_THAT(editor.Hover("flags/new.yaml", InRule("when: { coun¦try: DE }\n")),
              AllOf(HasSubstr("**attribute** `country`"), HasSubstr("used 2 times in 2 files"), HasSubstr("`FR`")));
  EXPECT_THAT(editor.Hover("flags/new.yaml", InRule("rol¦lout: 10%\n")),
              AllOf(HasSubstr("The share of units that it takes"), HasSubstr("`10%`")));
  EXPECT_THAT(editor.Hover("layers.yaml", "layer: check¦out\nunit: account_id\n"), HasSubstr("unit `account_id`"));
  EXPECT_THAT(editor.Hover("holdouts.yaml", "holdout: h¦1\nowner: web\nunit: account_id\nsize: 5%\n"),
              HasSubstr("5% of `account_id`"));
  EXPECT_EQ(editor.Hover("flags/new.yaml", "flag: new ¦ # no\n"), "");
}

TEST(HoverTest, SaysWhatTheServerHas) {
  Editor editor;
  editor.live.answer = {LiveAnswer::State::kAnswered, "http://g:8400", "",
                        ParseJson(R"({"revision": 12, "definition": {"flag": "layout", "type": "string", "owner": "web",
                          "variations": {"multi": "m", "single": "s"},
                          "environments": {"production": {"enabled": true, "default": "single"}}},
                          "state": {"ramps": {"production": {"beta": {"at": "10%"}}}}})")
                            .value()};
  const std::string at_flag = "flag: lay¦out\n";
  EXPECT_THAT(editor.Hover("experiments/two.yaml", at_flag),
              AllOf(HasSubstr("In the files:"),
                    HasSubstr("On http://g:8400, since revision 12: \n- `production`: on, serves `single`"),
                    HasSubstr("ramp of `beta` in `production`: at 10%")));
  EXPECT_EQ(editor.live.asked, "shop flag layout");
  editor.live.answer = {LiveAnswer::State::kFailed, "http://g:8400", "connection refused", {}};
  EXPECT_THAT(editor.Hover("experiments/two.yaml", at_flag),
              HasSubstr("On http://g:8400: not known, connection refused"));
  editor.live.answer.state = LiveAnswer::State::kPending;
  EXPECT_THAT(editor.Hover("experiments/two.yaml", at_flag), HasSubstr("it has not answered yet"));
  editor.live.answer.state = LiveAnswer::State::kMissing;
  EXPECT_THAT(editor.Hover("experiments/two.yaml", at_flag), HasSubstr("it is not there"));
  editor.live.answer = {LiveAnswer::State::kAnswered, "http://g:8400", "",
                        ParseJson(R"({"revision": 9, "status": "running", "iteration": 2,
                          "ramp": {"at": "10%", "status": "holding"},
                          "findings": [{"sentence": "the split is broken"}]})")
                            .value()};
  EXPECT_THAT(editor.Hover("flags/new.yaml", InRule("experiment: o¦ne\n")),
              AllOf(HasSubstr("`running`, iteration 2; ramp at 10%, holding"), HasSubstr("the split is broken")));
  editor.live.answer = {};
  EXPECT_THAT(editor.Hover("experiments/two.yaml", at_flag), Not(HasSubstr("On ")));
}

TEST(DefinitionTest, LeadsToWhereANameIsMade) {
  Editor editor;
  EXPECT_THAT(editor.Defined("flags/new.yaml", InRule("when: { segment: [eu-¦web] }\n")),
              ElementsAre("segments/eu.yaml 0:9"));
  EXPECT_THAT(editor.Defined("flags/new.yaml", InRule("when: { flag: { pa¦y: on } }\n")),
              ElementsAre("flags/pay.yaml 0:6"));
  EXPECT_THAT(editor.Defined("flags/new.yaml", InRule("when: { flag: { layout: sin¦gle } }\n")),
              ElementsAre("flags/layout.yaml 4:24"));
  EXPECT_THAT(editor.Defined("flags/new.yaml", InRule("when: { flag: { pay: o¦n } }\n")),
              ElementsAre("flags/pay.yaml 0:6"))
      << "a boolean flag has it without saying so";
  EXPECT_THAT(editor.Defined("flags/new.yaml", InRule("serve: b¦\n")), ElementsAre("flags/new.yaml 2:20"));
  EXPECT_THAT(editor.Defined("flags/new.yaml", InRule("experiment: on¦e\n")), ElementsAre("experiments/one.yaml 0:12"));
  EXPECT_THAT(editor.Defined("experiments/two.yaml", "environment: stag¦ing\n"), ElementsAre("guidon.yaml 1:16"));
  EXPECT_THAT(editor.Defined("experiments/two.yaml", "metrics: { primary: { use: vis¦its } }\n"),
              ElementsAre("metrics/orders.yaml 1:12"));
  EXPECT_THAT(editor.Defined("experiments/two.yaml", "layer: { name: che¦ckout }\n"), ElementsAre("layers.yaml 0:11"));
  EXPECT_THAT(editor.Defined("experiments/two.yaml", "holdout: h¦1\n"), ElementsAre("holdouts.yaml 0:13"));
  EXPECT_THAT(editor.Defined("tests/a.yaml", "- flag: layout\n  environment: production\n  expect: { rule: e¦u }\n"),
              ElementsAre("flags/layout.yaml 9:14"));
  EXPECT_THAT(editor.Defined("tests/a.yaml", "- experiment: one\n  expect: trea¦ted\n"),
              ElementsAre("experiments/one.yaml 7:53"));
  EXPECT_THAT(editor.Defined("flags/new.yaml", InRule("when: { segment: no¦ne }\n")), IsEmpty());
  EXPECT_THAT(editor.Defined("flags/new.yaml", InRule("when: { coun¦try: DE }\n")), IsEmpty()) << "nobody makes those";
}

TEST(DefinitionTest, LeadsIntoTextsThatAreNotSaved) {
  Editor editor;
  editor.At("segments/eu.yaml", "# one line more\nsegment: eu-web¦\nwhen: { country\n");
  EXPECT_THAT(editor.Defined("flags/new.yaml", InRule("when: { segment: eu-¦web }\n")),
              ElementsAre("segments/eu.yaml 1:9"));
}

TEST(ReferencesTest, AreAllPlacesOfAName) {
  Editor editor;
  EXPECT_THAT(editor.Places("textDocument/references", "segments/eu.yaml", "segment: eu-¦web\nowner: web\n"),
              ElementsAre("flags/layout.yaml 9:35", "segments/eu.yaml 0:9"));
  EXPECT_THAT(editor.Places("textDocument/references", "layers.yaml", "- { layer: checkout, unit: account¦_id }\n"),
              ElementsAre("experiments/one.yaml 6:6", "holdouts.yaml 0:35", "layers.yaml 0:27"));
}

TEST(SymbolsTest, AreTheDefinitionsOfAFileAndOfAWorkspace) {
  Editor editor;
  const Value symbols =
      editor.Ask("textDocument/documentSymbol", editor.At("flags/layout.yaml", std::string(kShop[5].second) + "¦"));
  ASSERT_EQ(symbols.AsArray().size(), 1u) << ToJson(symbols);
  EXPECT_EQ(TextOf(symbols.AsArray()[0], "name"), "layout");
  std::vector<std::string> parts;
  for (const Value& part : ListIn(symbols.AsArray()[0], "children")) {
    parts.push_back(TextOf(part, "detail") + " " + TextOf(part, "name"));
  }
  EXPECT_THAT(parts, ElementsAre("variation multi", "variation single", "rule eu"));
  std::vector<std::string> found;
  const Value answer = editor.Ask("workspace/symbol", Object{{"query", Value("O")}});
  for (const Value& symbol : answer.AsArray()) {
    found.push_back(TextOf(symbol, "containerName") + " " + TextOf(symbol, "name"));
  }
  EXPECT_THAT(
      found, ElementsAre("experiment one", "flag layout", "environment production", "layer checkout", "metric orders"));
}

TEST(SymbolsTest, OfADocumentAreInItsOrderEachWithItsOwnParts) {
  Editor editor;
  const auto symbols = [&](const std::string& file, const std::string& text) {
    std::string out;
    const Value answer = editor.Ask("textDocument/documentSymbol", editor.At(file, text + "¦"));
    for (const Value& symbol : answer.AsArray()) {
      out += (out.empty() ? "" : "; ") + TextOf(symbol, "name");
      for (const Value& part : ListIn(symbol, "children")) out += " " + TextOf(part, "name");
    }
    return out;
  };
  EXPECT_EQ(symbols("flags/new.yaml",
                    "- { flag: z, variations: { z1: 1 } }\n- { variations: { b1: 1, b2: 2 }, flag: b }\n"
                    "- { variations: { n1: 1, n2: 2 } }\n- { variations: { a1: 1 }, flag: a }\n"),
            "z z1; b b1 b2; n1; n2; a a1");
  EXPECT_EQ(symbols("guidon.yaml", "environments: { staging: {}, production: {} }\nproject: shop\n"),
            "staging; production");
}

TEST(FormattingTest, IsThatOfGuidonFmt) {
  Editor editor;
  const auto edits = [&](const std::string& text) {
    return editor.Ask("textDocument/formatting", editor.At("flags/new.yaml", text + "¦"));
  };
  const Value changed = edits("flag:   new # 😀\n");
  ASSERT_EQ(changed.AsArray().size(), 1u);
  EXPECT_EQ(TextOf(changed.AsArray()[0], "newText"), "flag: new  # 😀\n");
  EXPECT_EQ(ToJson(*changed.AsArray()[0].Find("range")),
            R"({"start":{"line":0,"character":0},"end":{"line":1,"character":0}})");
  EXPECT_EQ(edits("flag: new\n"), Value(Array()));
  EXPECT_TRUE(edits("flag: [new\n").is_null()) << "what is wrong with it is left alone";
}

TEST(BrokenTest, HelpGoesOnWithWhatWasKnown) {
  Editor editor;
  EXPECT_THAT(editor.Hover("experiments/two.yaml", "flag: lay¦out\n"), HasSubstr("One page or four"));
  editor.At("flags/layout.yaml", "flag: layout\nvariations: { multi: m, other: o\nenvironments: [\n¦");
  EXPECT_THAT(editor.Hover("experiments/two.yaml", "flag: lay¦out\n"), HasSubstr("One page or four"))
      << "as it was when it could be read";
  EXPECT_THAT(editor.Labels("experiments/two.yaml", "flag: layout\nvariants: { a: { serves: ¦"),
              ElementsAre("multi", "other"))
      << "as far as the text goes";
  editor.At("flags/layout.yaml", "flag: other\ntype: boolean\nowner: x\n¦");
  EXPECT_THAT(editor.Hover("experiments/two.yaml", "flag: lay¦out\n"), Not(HasSubstr("One page"))) << "gone for good";
}

TEST(LiveTest, IsConfiguredByTheEditorToo) {
  FakeLive live;
  Session session({.live = &live});
  session.Take(ParseJson(R"({"id": 1, "method": "initialize", "params": {"initializationOptions":
    {"server": "https://g.example", "key": "gdn_x"}}})")
                   .value());
  EXPECT_EQ(live.configured, "https://g.example gdn_x");
}

}  // namespace
}  // namespace guidon::lsp
