// A catalog on a store, with its feed: what the tests of the catalog share.
//
//   CatalogHarness on("rocksdb");
//   on.MustPut("flag", "payments.v2", R"({type: …})");
//   on.Restart();
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "core/codec/codec.h"
#include "core/codec/wire.h"
#include "core/eval/evaluator.h"
#include "server/catalog/catalog.h"
#include "tests/server/store/store_fixture.h"
#include "tests/support/stream_client.h"

namespace guidon {

inline Value Json(std::string_view text) {
  Result<Value> value = ParseJson(text);
  if (!value) ADD_FAILURE() << value.error().message << ": " << text;
  return value ? *std::move(value) : Value();
}

inline EntityRef Flag(std::string key) {
  return {EntityKind::kFlag, std::move(key)};
}
inline EntityRef Segment_(std::string key) {
  return {EntityKind::kSegment, std::move(key)};
}

inline Edit PutOf(EntityRef ref, std::string_view definition, Precondition condition = {}) {
  return {std::move(ref), Edit::Action::kPut, Json(definition), condition};
}
inline Edit PatchOf(EntityRef ref, std::string_view patch, Precondition condition = {}) {
  return {std::move(ref), Edit::Action::kPatch, Json(patch), condition};
}
inline Edit DeleteOf(EntityRef ref, Precondition condition = {}) {
  return {std::move(ref), Edit::Action::kDelete, {}, condition};
}

// A store whose commits can be made to end without anybody knowing how, or to be refused as too large.
class DoubtfulStore final : public Store {
 public:
  enum class Doubt : std::uint8_t { kNoDoubt, kWritten, kLost, kTooLarge };
  explicit DoubtfulStore(Store& store) : store_(store) {}
  Doubt next = Doubt::kNoDoubt;  // of the next transaction that takes a revision

  void Submit(Txn txn, TxnDone done) override {
    if (!txn.revision || next == Doubt::kNoDoubt) return store_.Submit(std::move(txn), std::move(done));
    const Doubt doubt = std::exchange(next, Doubt::kNoDoubt);
    if (doubt == Doubt::kTooLarge) return done(Fail(ErrorCode::kTooLarge, "the record is too large"));
    if (doubt == Doubt::kWritten && !store_.Commit(std::move(txn))) ADD_FAILURE() << "could not be written";
    done(Fail(ErrorCode::kIndeterminate, "the disk failed in the middle"));
  }
  Result<RangeResult> Range(const RangeQuery& query) const override { return store_.Range(query); }
  Result<std::vector<RevisionEntry>> Revisions(Revision from, Revision to, std::size_t limit) const override {
    return store_.Revisions(from, to, limit);
  }
  std::unique_ptr<WatchCursor> Watch(Position after, std::function<void()> wake) override {
    return store_.Watch(after, std::move(wake));
  }
  using Store::Compact;
  Status Compact(Position position, const std::function<bool()>& stop) override {
    return store_.Compact(position, stop);
  }
  Status PurgeRedacted(Revision from, Revision to, const std::function<bool()>& stop) override {
    return store_.PurgeRedacted(from, to, stop);
  }
  void BeginClose() override { store_.BeginClose(); }
  Position compacted() const override { return store_.compacted(); }
  StoreHead Head() const override { return store_.Head(); }
  std::string Epoch() const override { return store_.Epoch(); }
  Status Health() const override { return store_.Health(); }

 private:
  Store& store_;
};

class CatalogHarness {
 public:
  explicit CatalogHarness(std::string driver, std::size_t replayed_revisions = 1024)
      : driver_(std::move(driver)), replayed_revisions_(replayed_revisions) {
    OpenStore();
    OpenCatalog();
  }

  Store& store() { return *doubtful_; }
  DoubtfulStore& doubtful() { return *doubtful_; }
  Catalog& catalog() { return *catalog_; }
  Feed& feed() { return *feed_; }
  FakeClock& clock() { return clock_; }
  const TempFolder& folder() const { return folder_; }  // of a store on a disk
  int wakes() const { return wakes_; }

  // Everything is closed and opened anew, a store on a disk too.
  void Restart(std::optional<std::size_t> replayed_revisions = std::nullopt) {
    if (replayed_revisions) replayed_revisions_ = *replayed_revisions;
    catalog_.reset();
    feed_.reset();
    if (driver_ == "rocksdb") {
      doubtful_.reset();
      store_.reset();
      OpenStore();
    }
    OpenCatalog();
  }

  // --- changing ---

  Author author{"key:ana", "req-1", ""};
  std::string items_taken;  // "key/k1=text key/k2= ", as the catalog's options were told
  ItemTaken on_item;        // told, too
  std::function<void()> on_view;

  Result<Committed> Commit(std::vector<Edit> edits, std::optional<IdempotencyKey> once = std::nullopt) {
    return catalog_->Commit(
        {.project = "shop", .edits = std::move(edits), .author = author, .idempotency = std::move(once)});
  }
  Committed Must(Result<Committed> result) {
    if (!result) {
      ADD_FAILURE() << result.error().message;
      return {};
    }
    return *std::move(result);
  }
  Committed MustCommit(std::vector<Edit> edits) { return Must(Commit(std::move(edits))); }
  Committed MakeShop(std::string_view project = R"({"project":"shop","environments":{"staging":{},"production":{}}})") {
    return Must(catalog_->PutProject(*DecodeProject(Json(project)), {}, author, std::nullopt));
  }
  Result<WorkspacePlan> Apply(std::string_view project, std::vector<std::pair<EntityRef, std::string>> definitions,
                              bool prune = false, bool dry_run = false) {
    WorkspaceRequest request;
    request.workspace.project = *DecodeProject(Json(project));
    for (const auto& [ref, text] : definitions) {
      Value definition = Json(text);
      definition.MutableObject().Set(ToString(ref.kind), Value(ref.key));
      Result<EntityRecord> record = DecodeEntity(ref.kind, definition);
      if (!record) ADD_FAILURE() << record.error().message;
      if (record) request.workspace.entities.Append(*std::move(record));
    }
    request.prune = prune;
    request.dry_run = dry_run;
    request.author = author;
    return catalog_->ApplyWorkspace(request);
  }

  // --- looking ---

  Revision head() { return store().Head().revision; }
  const ProjectView& Project(std::string_view key = "shop") {
    view_ = catalog_->View();
    const ProjectView* project = view_->FindProject(key);
    static const ProjectView kNobody;
    if (project == nullptr) ADD_FAILURE() << "there is no project " << key;
    return project == nullptr ? kNobody : *project;
  }
  std::string DefinitionOf(const EntityRef& ref) {
    const auto record = Project().definitions.entities.Find(ref);
    return record ? ToJson(EncodeDefinition(*record)) : "absent";
  }
  SnapshotDocument Document(const std::string& environment = "production", const std::string& project = "shop") {
    const auto channel = feed_->Find({project, environment});
    if (!channel) {
      ADD_FAILURE() << "there is no channel " << environment;
      return {};
    }
    Result<SnapshotDocument> document = DecodeSnapshot(*channel->Current(false).plain);
    if (!document) ADD_FAILURE() << document.error().message;
    return document ? *std::move(document) : SnapshotDocument();
  }
  Value Evaluate(const std::string& flag, std::string_view context = R"({"key":"user-1"})",
                 const std::string& environment = "production") {
    const Channel::Compiled compiled = feed_->Find({"shop", environment})->CurrentRuleset();
    const Context given = Context::FromValue(Json(context));
    return DescribeDecision(*compiled.ruleset, flag,
                            guidon::Evaluate(*compiled.ruleset, compiled.ruleset->Find(flag), given, 0), nullptr);
  }
  std::string Served(const std::string& flag, std::string_view context = R"({"key":"user-1"})",
                     const std::string& environment = "production") {
    const Value decision = Evaluate(flag, context, environment);
    const Value* error = decision.Find("error");
    if (error != nullptr) return error->AsString();
    return decision.Find("variation") == nullptr ? "null" : decision.Find("variation")->AsString();
  }

  // Everything that readers can see, as text: equal texts, equal states.
  std::string Everything() {
    const auto view = catalog_->View();
    std::string text = "revision " + std::to_string(view->revision) + "\n";
    for (const auto& [key, project] : view->projects) {
      text += key + " " + std::to_string(project->revision) + " " + ToJson(EncodeProject(project->definitions.project));
      for (const EntityRef& ref : project->definitions.entities.Refs()) {
        text += "\n  " + ref.ToText() + " " + std::to_string(project->revisions.at(ref)) + " " +
                ToJson(EncodeRecord(*project->definitions.entities.Find(ref)));
      }
      if (project->revisions.size() != project->definitions.entities.Refs().size()) text += "\n  revisions too many";
      for (const EnvironmentDefinition& environment : project->definitions.project.environments) {
        const auto channel = feed_->Find({key, environment.key});
        text += "\n  " + environment.key + ": " + (channel ? *channel->Current(false).plain : "no channel");
      }
      text += "\n";
    }
    return text;
  }

 private:
  void OpenStore() {
    StoreOptions options;
    options.clock = clock_.Function();
    if (driver_ == "memory") {
      store_ = OpenMemoryStore(std::move(options));
    } else {
      RocksStoreOptions rocks = RocksOptions(folder_, std::move(options));
      rocks.file_system = FastFileSystem();
      Result<std::unique_ptr<Store>> store = OpenRocksStore(std::move(rocks));
      if (!store) throw std::runtime_error(store.error().message);
      store_ = *std::move(store);
    }
    doubtful_ = std::make_unique<DoubtfulStore>(*store_);
  }
  void OpenCatalog() {
    feed_ = std::make_unique<Feed>(doubtful_->Epoch(), FeedOptions{}, [this] { ++wakes_; });
    catalog_ = std::make_unique<Catalog>(*doubtful_, *feed_,
                                         CatalogOptions{{},
                                                        replayed_revisions_,
                                                        [this](const Item& item) {
                                                          items_taken +=
                                                              item.space + "/" + item.id + "=" + item.value + " ";
                                                          if (on_item) on_item(item);
                                                        },
                                                        nullptr,
                                                        clock_.Function(),
                                                        [this] {
                                                          if (on_view) on_view();
                                                        }});
    const Status loaded = catalog_->Load();
    if (!loaded) throw std::runtime_error(loaded.error().message);
  }

  const std::string driver_;
  std::size_t replayed_revisions_;
  FakeClock clock_;
  TempFolder folder_;
  int wakes_ = 0;
  std::unique_ptr<Store> store_;
  std::unique_ptr<DoubtfulStore> doubtful_;
  std::unique_ptr<Feed> feed_;
  std::unique_ptr<Catalog> catalog_;
  std::shared_ptr<const CatalogView> view_;
};

// A stream of one environment: what a session and its client do.
class Follower {
 public:
  Follower(CatalogHarness& on, std::string environment) : on_(on), environment_(std::move(environment)) { Connect(); }

  void Connect() {
    client_.Reconnect();
    channel_ = on_.feed().Find({"shop", environment_});
    if (channel_) cursor_ = channel_->Resume(client_.LastEventId());
  }
  void Forget() {
    client_.Forget();
    Connect();
  }
  // Takes everything that is there. "" or what the server did wrong.
  std::string CatchUp() {
    if (!channel_) return "";
    while (const Bytes event = channel_->Next(cursor_)) {
      if (std::string fault = client_.Feed(*event); !fault.empty()) return fault;
    }
    const Bytes heartbeat = channel_->HeartbeatFor(cursor_);
    return heartbeat ? client_.Feed(*heartbeat) : "who is caught up gets no heartbeat";
  }
  bool closed() const { return !channel_ || channel_->closed(); }
  const std::string& environment() const { return environment_; }
  const testing::StreamClient& client() const { return client_; }

 private:
  CatalogHarness& on_;
  const std::string environment_;
  testing::StreamClient client_;
  std::shared_ptr<Channel> channel_;
  Cursor cursor_;
};

inline ErrorCode CodeOf(const Result<Committed>& result) {
  return result ? ErrorCode::kInternal : result.error().code;
}

}  // namespace guidon
