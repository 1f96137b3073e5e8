// Random histories of changes, good and bad, against a simple model. The model knows flags, segments and environments
// as few plain fields, decides by itself whether a change has to be taken, and says what everybody must see after it:
// the view, a catalog loaded anew from the store, the feed's document, and clients that follow, lag and lose their
// memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "tests/server/catalog/catalog_fixture.h"

namespace guidon {
namespace {

struct ModelTargeting {
  bool enabled = false;
  std::string served = "off";
  std::string requires_flag;  // is: on
  std::string segment;        // a rule for it serves on
  int percent = -1;           // of on in a split by default; -1: none
};
struct ModelFlag {
  std::string owner;
  bool archived = false;
  std::map<std::string, ModelTargeting> environments;
};
struct ModelSegment {
  std::string country;
  std::string other;  // a segment that it leans on
};
struct Model {
  std::set<std::string> environments = {"production"};
  std::map<std::string, ModelFlag> flags;
  std::map<std::string, ModelSegment> segments;
  std::map<EntityRef, Revision> revisions;
};

std::string Text(const ModelFlag& flag) {
  std::string text = R"({"type":"boolean","owner":")" + flag.owner + "\"";
  if (flag.archived) text += R"(,"archived":true)";
  text += ",\"environments\":{";
  bool first = true;
  for (const auto& [name, targeting] : flag.environments) {
    text += (first ? "\"" : ",\"") + name + R"(":{"enabled":)" + (targeting.enabled ? "true" : "false");
    first = false;
    if (!targeting.requires_flag.empty()) {
      text += R"(,"requires":[{"flag":")" + targeting.requires_flag + R"(","is":"on"}])";
    }
    if (!targeting.segment.empty())
      text += R"(,"rules":[{"when":{"segment":")" + targeting.segment + R"("},"serve":"on"}])";
    if (targeting.percent < 0) {
      text += R"(,"default":")" + targeting.served + "\"}";
    } else {
      text += R"(,"default":{"serve":{"on":")" + std::to_string(targeting.percent) + R"(%","off":")" +
              std::to_string(100 - targeting.percent) + R"(%"}}})";
    }
  }
  return text + "}}";
}

std::string Text(const ModelSegment& segment) {
  return R"({"when":{"country":")" + segment.country + "\"" +
         (segment.other.empty() ? "" : R"(,"segment":")" + segment.other + "\"") + "}}";
}

// Whether the references of the whole hold. Circles cannot be: flags require only flags of a lower name, segments
// likewise.
bool Holds(const Model& model) {
  for (const auto& [key, flag] : model.flags) {
    if (flag.archived) continue;
    for (const auto& [environment, targeting] : flag.environments) {
      if (!model.environments.contains(environment)) return false;
      if (!targeting.segment.empty() && !model.segments.contains(targeting.segment)) return false;
      if (targeting.requires_flag.empty()) continue;
      const auto required = model.flags.find(targeting.requires_flag);
      if (required == model.flags.end() || required->second.archived) return false;
    }
  }
  for (const auto& [key, segment] : model.segments) {
    if (!segment.other.empty() && !model.segments.contains(segment.other)) return false;
  }
  return true;
}

std::optional<Value> DefinitionIn(const Model& model, const EntityRef& ref) {
  std::string text;
  if (ref.kind == EntityKind::kFlag) {
    const auto flag = model.flags.find(ref.key);
    if (flag != model.flags.end()) text = Text(flag->second);
  } else {
    const auto segment = model.segments.find(ref.key);
    if (segment != model.segments.end()) text = Text(segment->second);
  }
  if (text.empty()) return std::nullopt;
  Value value = Json(text);
  value.MutableObject().Set(ToString(ref.kind), Value(ref.key));
  return EncodeDefinition(*DecodeEntity(ref.kind, value));
}

class History {
 public:
  History(std::string driver, std::uint64_t seed) : on_(driver), driver_(std::move(driver)), random_(seed) {
    on_.MakeShop(R"({"project":"shop","environments":{"production":{}}})");
    for (int i = 0; i < 3; ++i) followers_.emplace_back(on_, "production");
    for (int i = 0; i < 3; ++i) followers_.emplace_back(on_, "staging");
  }

  void Step() {
    if (OneIn(12)) {
      ChangeEnvironment();
    } else if (OneIn(25)) {
      ASSERT_TRUE(on_.catalog().PutItem({"key", "k" + std::to_string(Below(3)), "v"}, "key.create", on_.author));
    } else {
      ChangeDefinitions();
    }
    if (::testing::Test::HasFatalFailure()) return;
    MoveFollowers();
    if (driver_ == "memory" ? OneIn(4) : OneIn(25)) CompareWithAFreshOne();
  }

  int taken = 0, refused = 0;

 private:
  std::uint64_t Below(std::uint64_t n) { return random_() % n; }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }
  std::string FlagKey() { return "flag" + std::to_string(Below(6)); }
  std::string SegmentKey() { return "segment" + std::to_string(Below(4)); }

  ModelFlag MakeFlag(const std::string& key) {
    ModelFlag flag;
    flag.owner = "team" + std::to_string(Below(3));
    flag.archived = OneIn(8);
    for (const char* name : {"production", "staging"}) {
      if (OneIn(3)) continue;
      ModelTargeting& targeting = flag.environments[name];
      targeting.enabled = !OneIn(4);
      targeting.served = OneIn(2) ? "on" : "off";
      if (OneIn(4)) targeting.requires_flag = FlagKey();
      if (targeting.requires_flag >= key) targeting.requires_flag.clear();
      if (OneIn(3)) targeting.segment = SegmentKey();
      if (OneIn(3)) targeting.percent = static_cast<int>(Below(101));
    }
    return flag;
  }
  ModelSegment MakeSegment(const std::string& key) {
    ModelSegment segment{OneIn(2) ? "DE" : "FR", OneIn(3) ? SegmentKey() : ""};
    if (segment.other >= key) segment.other.clear();
    return segment;
  }
  // With one fault that makes it unreadable or invalid by itself.
  std::string Spoil(std::string text) {
    static const char* const kFaults[] = {R"("colour":"red",)", R"("tags":7,)", R"("type":"colour",)"};
    return text.insert(1, text.starts_with(R"({"type)") ? kFaults[Below(2)] : kFaults[0]);
  }

  void ChangeDefinitions() {
    Model next = model_;
    std::vector<Edit> edits;
    ErrorCode expected = ErrorCode::kInternal;  // none
    bool spoilt = false;
    const auto refuse = [&](ErrorCode code) {
      if (expected == ErrorCode::kInternal) expected = code;
    };
    std::set<EntityRef> named;
    for (std::uint64_t i = 1 + Below(3); i > 0; --i) {
      const bool is_flag = !OneIn(3);
      const EntityRef ref = is_flag ? Flag(FlagKey()) : Segment_(SegmentKey());
      if (!named.insert(ref).second) continue;
      const auto changed = model_.revisions.find(ref);
      const bool there = changed != model_.revisions.end();
      Edit edit;
      edit.ref = ref;
      if (OneIn(5)) edit.condition.if_match = Below(on_.head() + 2);
      if (OneIn(12)) edit.condition.must_be_new = true;
      if (OneIn(12)) edit.condition.must_exist = true;
      // The catalog looks at edits in their order, at preconditions first, and stops at the first that does not hold;
      // what cannot be read is collected, and said only if nothing else stopped it.
      if (edit.condition.must_be_new && there) {
        refuse(ErrorCode::kAlreadyExists);
      } else if (!there && (edit.condition.if_match || edit.condition.must_exist)) {
        refuse(ErrorCode::kStale);
      } else if (there && edit.condition.if_match && changed->second > *edit.condition.if_match) {
        refuse(ErrorCode::kStale);
      }
      const std::uint64_t what = Below(8);
      if (what == 0) {
        edit.action = Edit::Action::kDelete;
        if (!there) refuse(ErrorCode::kNotFound);
        next.flags.erase(is_flag ? ref.key : "");
        next.segments.erase(is_flag ? "" : ref.key);
      } else if (what == 1 && is_flag) {
        edit.action = Edit::Action::kPatch;
        edit.definition = Json(R"({"owner":"patched"})");
        if (!there) refuse(ErrorCode::kNotFound);
        if (there) next.flags[ref.key].owner = "patched";
      } else {
        std::string text;
        if (is_flag) {
          text = Text(next.flags[ref.key] = MakeFlag(ref.key));
        } else {
          text = Text(next.segments[ref.key] = MakeSegment(ref.key));
        }
        if (OneIn(10)) {
          text = Spoil(std::move(text));
          spoilt = true;
        }
        Result<Value> value = ParseJson(text);
        ASSERT_TRUE(value) << text;
        edit.definition = *std::move(value);
      }
      edits.push_back(std::move(edit));
    }
    if (expected == ErrorCode::kInternal && spoilt) expected = ErrorCode::kInvalid;
    const bool dangling = expected == ErrorCode::kInternal && !Holds(next);
    const Revision before = on_.head();
    const auto view = on_.catalog().View();
    const Result<Committed> result = on_.Commit(std::move(edits));
    if (dangling) {
      ASSERT_FALSE(result);
      // A dangling reference is a conflict when this change removed what is named, else invalid.
      ASSERT_TRUE(result.error().code == ErrorCode::kInvalid || result.error().code == ErrorCode::kConflict)
          << result.error().message;
    } else if (expected != ErrorCode::kInternal) {
      ASSERT_FALSE(result) << "expected " << ToString(expected);
      ASSERT_EQ(result.error().code, expected) << result.error().message;
    } else {
      ASSERT_TRUE(result) << result.error().message;
    }
    if (!result) {
      ++refused;
      ASSERT_EQ(on_.head(), before);
      ASSERT_EQ(on_.catalog().View(), view);
    } else {
      Take(std::move(next), named, before, *result);
    }
    CompareWithTheModel();
  }

  void Take(Model next, const std::set<EntityRef>& named, Revision before, const Committed& committed) {
    ++taken;
    bool differs = false;
    for (const EntityRef& ref : named) {
      const auto was = DefinitionIn(model_, ref), is = DefinitionIn(next, ref);
      if (was == is) continue;
      differs = true;
      if (is) next.revisions[ref] = before + 1;
      if (!is) next.revisions.erase(ref);
    }
    ASSERT_EQ(committed.revision, before + (differs ? 1 : 0));
    ASSERT_EQ(on_.head(), committed.revision);
    model_ = std::move(next);
  }

  void ChangeEnvironment() {
    Model next = model_;
    const bool there = model_.environments.contains("staging");
    Result<Committed> result = [&] {
      if (there) return on_.catalog().DeleteEnvironment("shop", "staging", {}, on_.author, std::nullopt);
      return on_.catalog().PutEnvironment("shop", {"staging", false, ""}, {}, on_.author, std::nullopt);
    }();
    if (there) {
      next.environments.erase("staging");
    } else {
      next.environments.insert("staging");
    }
    ASSERT_EQ(result.has_value(), Holds(next)) << (result ? "" : result.error().message);
    if (result) {
      ++taken;
      model_ = std::move(next);
    } else {
      ++refused;
      ASSERT_EQ(result.error().code, ErrorCode::kConflict);
    }
    CompareWithTheModel();
  }

  void CompareWithTheModel() {
    const ProjectView& project = on_.Project();
    ASSERT_EQ(project.revisions, model_.revisions);
    for (const auto& [ref, revision] : model_.revisions) {
      const auto record = project.definitions.entities.Find(ref);
      ASSERT_TRUE(record) << ref.ToText();
      ASSERT_EQ(EncodeDefinition(*record), *DefinitionIn(model_, ref)) << ref.ToText();
    }
    ASSERT_EQ(project.definitions.project.environments.size(), model_.environments.size());
    for (const std::string& environment : model_.environments) {
      const SnapshotDocument document = on_.Document(environment);
      ASSERT_EQ(document.snapshot.revision, on_.head());
      std::size_t visible = model_.segments.size();
      for (const auto& [key, flag] : model_.flags) {
        visible += flag.archived ? 0 : 1;
        const FlagRecord* sent = document.snapshot.entities.FindFlag(key);
        ASSERT_EQ(sent != nullptr, !flag.archived) << key;
        if (sent == nullptr) continue;
        for (const Targeting& targeting : sent->definition.environments) {
          ASSERT_EQ(targeting.environment, environment);
        }
        ASSERT_EQ(sent->definition.environments.size(), flag.environments.count(environment)) << key;
        const auto targeting = flag.environments.find(environment);
        const bool splits = targeting != flag.environments.end() && targeting->second.percent >= 0;
        ASSERT_EQ(sent->state.environments.size(), splits ? 1u : 0u) << key;
      }
      ASSERT_EQ(document.entities.size(), visible);
      ASSERT_TRUE(document.undecodable.empty());
    }
  }

  void MoveFollowers() {
    for (Follower& follower : followers_) {
      if (OneIn(3)) continue;  // it lags
      if (follower.closed() || OneIn(6)) follower.Connect();
      if (OneIn(20)) follower.Forget();
      if (follower.closed()) continue;
      ASSERT_EQ(follower.CatchUp(), "");
      ASSERT_EQ(follower.client().revision(), on_.head());
      std::map<std::pair<std::string, std::string>, std::string> held;
      for (const EncodedEntity& entity : on_.Document(follower.environment()).entities) {
        held[{entity.kind, entity.key}] = entity.record;
      }
      ASSERT_EQ(follower.client().records(), held);
    }
  }

  void CompareWithAFreshOne() {
    const std::string before = on_.Everything();
    on_.Restart(OneIn(2) ? Below(20) : 1024);
    ASSERT_EQ(on_.Everything(), before);
    for (Follower& follower : followers_) follower.Connect();
  }

  CatalogHarness on_;
  const std::string driver_;
  std::mt19937_64 random_;
  Model model_;
  std::vector<Follower> followers_;
};

class HistoryTest : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Stores, HistoryTest, ::testing::Values("memory", "rocksdb"),
                         [](const auto& store) { return std::string(store.param); });

TEST_P(HistoryTest, EverybodySeesWhatTheModelSays) {
  const char* given = std::getenv("GUIDON_SEED");
  const char* scale = std::getenv("GUIDON_PROPERTY_SCALE");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20261124;
  const bool all = std::getenv("GUIDON_TEST_ALL") != nullptr;
  const double factor = scale != nullptr ? std::strtod(scale, nullptr) : 1.0;
  // A shorter one has hardly begun: there is nothing yet that could be refused, or followed.
  const int steps = std::max(80, static_cast<int>((all ? 6'000 : 160) * factor));
  SCOPED_TRACE("GUIDON_SEED=" + std::to_string(seed));
  History history(GetParam(), seed);
  for (int step = 0; step < steps; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    history.Step();
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
  // Both happen often, or the history proves little.
  EXPECT_GT(history.taken, steps / 5);
  EXPECT_GT(history.refused, steps / 10);
}

}  // namespace
}  // namespace guidon
