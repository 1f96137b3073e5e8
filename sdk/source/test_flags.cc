#include "sdk/source/test_flags.h"

#include <guidon/test_source.h>

#include <utility>

#include "sdk/source/plain_flag.h"

namespace guidon {
namespace internal {
namespace {

constexpr char kEnvironment[] = "test";

// Why no document could carry it, or "".
std::string FaultOf(const EncodedEntity& entity) {
  const std::vector<EncodedEntity> entities = {entity};
  const auto decoded = DecodeSnapshot(EncodeSnapshot({"test", kEnvironment, "test", 1}, entities));
  return decoded ? "" : decoded.error().message;
}

}  // namespace

TestFlags::TestFlags() {
  EnlistForForks(*this);
}

TestFlags::~TestFlags() {
  StrikeFromForks(*this);
}

TestFlags::Turn::Turn(TestFlags& flags) : flags_(flags) {
  const auto self = std::this_thread::get_id();
  MutexLock lock(flags.mutex_);
  flags.free_.Wait(lock, [&]() GUIDON_REQUIRES(flags.mutex_) { return flags.depth_ == 0 || flags.turn_ == self; });
  flags.turn_ = self;
  ++flags.depth_;
}

TestFlags::Turn::~Turn() {
  MutexLock lock(flags_.mutex_);
  if (--flags_.depth_ == 0) flags_.free_.NotifyOne();
}

void TestFlags::Attach(const std::shared_ptr<ClientCore>& client) {
  const Turn turn(*this);
  client->Take(DocumentKind::kSnapshot, SnapshotNow(), "", RulesetSource::kTest);
  client->SetState(ClientState::kOffline);
  MutexLock lock(mutex_);
  clients_.push_back(client);
}

void TestFlags::Set(std::string_view flag, Value value) {
  const Turn turn(*this);
  const EncodedEntity entity = PlainFlag(flag, std::move(value), kEnvironment);
  std::string fault = FaultOf(entity);
  {
    MutexLock lock(mutex_);
    last_error_ = std::move(fault);
    if (!last_error_.empty()) return;
    const auto held = flags_.find(flag);
    if (held != flags_.end() && held->second == entity) return;
    flags_.insert_or_assign(std::string(flag), entity);
  }
  Tell({entity}, {});
}

void TestFlags::Remove(std::string_view flag) {
  const Turn turn(*this);
  {
    MutexLock lock(mutex_);
    const auto held = flags_.find(flag);
    if (held == flags_.end()) return;
    flags_.erase(held);
  }
  Tell({}, {{EntityKind::kFlag, std::string(flag)}});
}

void TestFlags::Tell(const std::vector<EncodedEntity>& upserts, const std::vector<EntityRef>& removals) {
  std::string change;
  std::vector<std::weak_ptr<ClientCore>> clients;  // a callback may make another client
  {
    MutexLock lock(mutex_);
    const Revision from = revision_++;
    change = EncodeChange(from, revision_, DigestOf(Entities()), upserts, removals);
    std::erase_if(clients_, [](const std::weak_ptr<ClientCore>& client) { return client.expired(); });
    clients = clients_;
  }
  for (const std::weak_ptr<ClientCore>& weak : clients) {
    const std::shared_ptr<ClientCore> client = weak.lock();
    if (client == nullptr) continue;
    const ApplyOutcome outcome = client->Take(DocumentKind::kChange, change, "", RulesetSource::kTest).outcome;
    if (outcome == ApplyOutcome::kApplied || outcome == ApplyOutcome::kNothing) continue;
    client->Take(DocumentKind::kSnapshot, SnapshotNow(), "", RulesetSource::kTest);
  }
}

std::string TestFlags::LastError() const {
  MutexLock lock(mutex_);
  return last_error_;
}

std::string TestFlags::SnapshotNow() const {
  MutexLock lock(mutex_);
  return EncodeSnapshot({"test", kEnvironment, "test", revision_}, Entities());
}

std::vector<EncodedEntity> TestFlags::Entities() const {
  std::vector<EncodedEntity> entities;
  for (const auto& [key, entity] : flags_) entities.push_back(entity);
  return entities;
}

void TestFlags::HoldForFork() GUIDON_THREAD_ANNOTATION(no_thread_safety_analysis) {
  mutex_.lock();
}

void TestFlags::FreeInParent() GUIDON_THREAD_ANNOTATION(no_thread_safety_analysis) {
  mutex_.unlock();
}

std::shared_ptr<void> TestFlags::ContinueInChild() GUIDON_THREAD_ANNOTATION(no_thread_safety_analysis) {
  std::shared_ptr<TestFlags> self = weak_from_this().lock();
  std::construct_at(&free_);  // threads that are not here waited on it
  if (turn_ != std::this_thread::get_id()) depth_ = 0;
  mutex_.unlock();
  return self;
}

}  // namespace internal

TestSource::TestSource() : flags_(std::make_shared<internal::TestFlags>()) {}
TestSource::~TestSource() = default;

TestSource& TestSource::Set(std::string_view flag, Value value) {
  flags_->Set(flag, std::move(value));
  return *this;
}

TestSource& TestSource::Remove(std::string_view flag) {
  flags_->Remove(flag);
  return *this;
}

std::string TestSource::LastError() const {
  return flags_->LastError();
}

}  // namespace guidon
