#include "server/privacy/erasure.h"

#include <utility>

#include "core/base/json.h"
#include "server/privacy/places.h"

namespace guidon {
namespace {

constexpr std::size_t kMostRemains = 100;
constexpr std::size_t kPlaceholderId = 8;  // of the erasure's id
constexpr std::size_t kMostRedacted = 10'000;

}  // namespace

std::string ErasureSteps::Placeholder() const {
  return std::string(kPlaceholder) + state_.id.substr(0, kPlaceholderId);
}

Status ErasureSteps::NoteBegun(const std::string& project) {
  return Note("begun", "privacy.erase", project, "", {});
}

Status ErasureSteps::NoteErased(const std::string& project, const std::string& counts, std::vector<Revision> redact) {
  // The newest first: what an erasure that is begun again learns from stands before what it has to find.
  while (redact.size() > kMostRedacted) {
    const auto begin = redact.end() - static_cast<std::ptrdiff_t>(kMostRedacted);
    Status noted = Note("begun", "privacy.erase", project, "", {begin, redact.end()});
    if (!noted) return noted;
    redact.erase(begin, redact.end());
  }
  return Note("erased", "privacy.erased", project, counts, std::move(redact));
}

Status ErasureSteps::Note(std::string_view what, std::string_view action, const std::string& project,
                          const std::string& comment, std::vector<Revision> redact) {
  Object record{{"state", Value(what)}, {"time", Value(TimeText(state_.begun))}};
  Author author = author_;
  if (!comment.empty()) author.comment = comment;
  const Item item{std::string(kErasureSpace), state_.id, ToJson(Value(std::move(record))), project};
  const Result<Committed> done = parts_.catalog.PutItems({item}, action, author, {}, std::move(redact));
  return done ? Status() : Fail(done.error());
}

Status ErasureSteps::Rewrite(KeySpace space, const Rewriter& rewriter) {
  if (state_.dry_run) {
    const Viewer only_asks = [&](const KeyValue& stored, bool is_newest) { rewriter(stored, is_newest); };
    return parts_.store.Scan(space, only_asks, stop_);
  }
  const auto done = parts_.store.Rewrite(space, rewriter, stop_);
  return done ? Status() : Fail(done.error());
}

void ErasureSteps::Remains(std::string place) {
  if (state_.remains.size() < kMostRemains) {
    state_.remains.push_back(std::move(place));
  } else {
    ++state_.remains_left_out;
  }
}

void ErasureSteps::ListBackups() {
  Result<BackupInventory> backups = parts_.backups.Inventory();
  if (!backups) return state_.remains.push_back("perhaps backups: " + backups.error().message);
  state_.backups = std::move(backups->whole);
  for (std::string& other : backups->others) state_.remains.push_back("perhaps " + std::move(other));
}

Status ErasureSteps::Stopped() const {
  return Fail(ErrorCode::kUnavailable, "the erasure was stopped; begin it again, and it goes on where it ended");
}

}  // namespace guidon
