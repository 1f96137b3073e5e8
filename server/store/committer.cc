#include "server/store/committer.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/store/txn.h"

namespace guidon {
namespace {

constexpr std::size_t kExpiredPerGroup = 64;
constexpr std::size_t kExpiredWhenIdle = 1024;
constexpr std::chrono::seconds kIdle(60);
constexpr std::chrono::seconds kIdleWhenFull(1);

double Seconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Committer::Committer(StoreFolder& folder, const RocksStoreOptions& options, KillPoints kill_points, Wakes& wakes)
    : folder_(folder), options_(options), wakes_(wakes), kill_points_(kill_points), visible_(folder.tail()) {
  if (!folder_.read_only().empty()) failed_ = Error{ErrorCode::kUnavailable, folder_.read_only(), {}};
  folder_.disk().no_room = [this] { NoRoom(); };
  folder_.disk().wait_for_room = true;
  thread_ = std::thread([this] { Run(); });
}

Committer::~Committer() {
  BeginClose();
  thread_.join();
}

void Committer::BeginClose() {
  {
    MutexLock lock(queue_mutex_);
    closing_ = true;
  }
  folder_.disk().wait_for_room = false;
  queued_.NotifyAll();
}

void Committer::Submit(Txn txn, TxnDone done) {
  Status accepted = CheckTxn(txn, options_.limits);
  if (accepted) {
    MutexLock lock(state_mutex_);
    if (failed_) accepted = Fail(*failed_);
  }
  if (accepted) {
    const std::size_t size = SizeOf(txn);
    MutexLock lock(queue_mutex_);
    if (closing_) {
      accepted = Fail(ErrorCode::kUnavailable, "the store is closing");
    } else if (queue_.size() >= options_.limits.queued_txns ||
               (!queue_.empty() && queue_bytes_ + size > options_.limits.queued_bytes)) {
      accepted = Fail(ErrorCode::kOverloaded, "too many writes wait for the disk; try again in a moment");
    } else {
      queue_bytes_ += size;
      queue_.push_back({std::move(txn), std::move(done), size, Clock::now()});
      queued_.NotifyOne();
      return;
    }
  }
  done(Fail(accepted.error()));
}

StoreHead Committer::Visible() const {
  MutexLock lock(state_mutex_);
  return visible_;
}

Status Committer::Health() const {
  MutexLock lock(state_mutex_);
  if (failed_) return Fail(*failed_);
  if (full_) return Fail(*full_);
  return {};
}

void Committer::Run() {
  while (std::optional<std::vector<Pending>> pending = TakeGroup()) {
    if (pending->empty()) {
      Tidy();
    } else {
      CommitGroup(*std::move(pending));
    }
  }
}

// What one fsync will commit: empty when nothing came for a while, nothing when the store closes.
std::optional<std::vector<Committer::Pending>> Committer::TakeGroup() {
  const bool full = !Health();
  MutexLock lock(queue_mutex_);
  queued_.WaitFor(lock, full ? kIdleWhenFull : kIdle,
                  [&]() GUIDON_REQUIRES(queue_mutex_) { return closing_ || !queue_.empty(); });
  if (closing_ && queue_.empty()) return std::nullopt;
  std::vector<Pending> group;
  std::size_t bytes = 0;
  while (!queue_.empty() && group.size() < options_.limits.group_txns) {
    if (!group.empty() && bytes + queue_.front().size > options_.limits.group_bytes) break;
    bytes += queue_.front().size;
    queue_bytes_ -= queue_.front().size;
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return group;
}

void Committer::CommitGroup(std::vector<Pending> pending) {
  if (Status ready = Ready(); !ready) return AnswerAll(std::move(pending), ready.error());
  Group group(folder_.db(), Visible(), options_.clock, options_.idempotency_retention);
  std::vector<Result<TxnResult>> answers;
  answers.reserve(pending.size());
  for (Pending& each : pending) answers.push_back(group.Add(std::move(each.txn)));
  if (group.committed() > 0) {
    // What has expired is removed in passing; if that cannot be read, a commit is not the place to find out.
    (void)group.Expire(kExpiredPerGroup);
    kill_points_.Pass(KillPoint::kBeforeWal);
    SetInFlight(std::move(pending));
    const Status durable = MakeDurable(group);
    pending = TakeInFlight();
    if (!durable) return AnswerAll(std::move(pending), durable.error());
    Publish(group.tail());
    if (options_.metrics.group) options_.metrics.group(group.committed());
    kill_points_.Pass(KillPoint::kBeforeAnswer);
    wakes_.CallAll();
  }
  Answer(std::move(pending), std::move(answers));
}

void Committer::SetInFlight(std::vector<Pending> pending) {
  MutexLock lock(queue_mutex_);
  in_flight_ = std::move(pending);
}

// Empty if its writers have been answered by NoRoom.
std::vector<Committer::Pending> Committer::TakeInFlight() {
  MutexLock lock(queue_mutex_);
  return std::exchange(in_flight_, {});
}

// The log waits for room. Runs on the thread that waits, which need not be the committer's.
void Committer::NoRoom() {
  const Error full = Full();
  std::vector<Pending> in_flight, queued;
  {
    MutexLock lock(queue_mutex_);
    in_flight = std::exchange(in_flight_, {});
    queued.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.end()));
    queue_.clear();
    queue_bytes_ = 0;
  }
  AnswerAll(std::move(in_flight), {ErrorCode::kIndeterminate,
                                   "the disk of " + folder_.path() +
                                       " ran full in the middle of this write; it may be stored once there is room: "
                                       "send it again then, with the same idempotency key",
                                   {}});
  AnswerAll(std::move(queued), full);
}

// Runs when nothing is queued: forgets what has expired, and finds out whether a full disk has room again.
void Committer::Tidy() {
  if (!Ready()) return;
  Group group(folder_.db(), Visible(), options_.clock, options_.idempotency_retention);
  if (!group.Expire(kExpiredWhenIdle) || group.empty()) return;
  // Not fsynced: what comes back after a crash expires again. An error shows up at the next commit.
  folder_.db().Write({}, &group.Finish()).PermitUncheckedError();
}

Status Committer::Ready() {
  const bool room = folder_.FreeBytes() >= options_.min_free_bytes;
  if (!room) Full();
  if (folder_.disk().sync_failed) Failed("an fsync failed");
  MutexLock lock(state_mutex_);
  if (failed_) return Fail(*failed_);
  if (room) full_.reset();
  if (full_) return Fail(*full_);
  return {};
}

Status Committer::MakeDurable(Group& group) {
  if (Status status = WriteLog(group); !status) return status;
  kill_points_.Pass(KillPoint::kAfterWal);
  if (Status status = WriteHead(group.tail()); !status) return status;
  kill_points_.Pass(KillPoint::kAfterHead);
  return {};
}

Status Committer::WriteLog(Group& group) {
  const std::int64_t before = folder_.disk().log_sync_nanoseconds;
  rocksdb::WriteOptions synced;
  synced.sync = true;
  const rocksdb::Status status = folder_.db().Write(synced, &group.Finish());
  if (options_.metrics.fsync) {
    options_.metrics.fsync(Seconds(std::chrono::nanoseconds(folder_.disk().log_sync_nanoseconds - before)));
  }
  if (status.ok()) return {};
  return Fail(Failed(status.ToString()));
}

Status Committer::WriteHead(const StoreHead& head) {
  const Clock::time_point before = Clock::now();
  Status status = folder_.head_file().Write(head);
  if (options_.metrics.fsync) options_.metrics.fsync(Seconds(Clock::now() - before));
  if (status) return {};
  return Fail(Failed(status.error().message));
}

void Committer::Publish(const StoreHead& head) {
  MutexLock lock(state_mutex_);
  visible_ = head;
}

void Committer::Answer(std::vector<Pending> pending, std::vector<Result<TxnResult>> answers) {
  for (std::size_t i = 0; i < pending.size(); ++i) {
    const bool committed = answers[i] && answers[i]->outcome == TxnOutcome::kCommitted;
    if (committed && options_.metrics.commit) options_.metrics.commit(Seconds(Clock::now() - pending[i].since));
    pending[i].done(std::move(answers[i]));
  }
}

void Committer::AnswerAll(std::vector<Pending> pending, const Error& error) {
  for (Pending& each : pending) each.done(Fail(error));
}

Error Committer::Full() {
  Error error{
      ErrorCode::kStorageFull,
      "no room on the disk of " + folder_.path() + "; nothing was written; make room, and writes go on by themselves",
      {}};
  MutexLock lock(state_mutex_);
  full_ = error;
  return error;
}

Error Committer::Failed(std::string what) {
  const std::string text = "the store in " + folder_.path() + " failed to write (" + what + ")";
  {
    MutexLock lock(state_mutex_);
    Error read_only{ErrorCode::kUnavailable,
                    text + " and is read-only since; check the disk, then restart: what was acknowledged is safe",
                    {}};
    if (!failed_) failed_ = std::move(read_only);
  }
  return {ErrorCode::kIndeterminate,
          text +
              ": whether this write is stored shows only after a restart; send it again then, with the same "
              "idempotency key",
          {}};
}

}  // namespace guidon
