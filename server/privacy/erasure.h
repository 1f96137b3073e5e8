// What every erasure does, whoever is erased: its entries in the audit log, and what it reports.
//
// Thread safety: an erasure belongs to the thread that runs it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "server/privacy/privacy.h"

namespace guidon {

class ErasureSteps {
 protected:
  // `parts` and `state` outlive it.
  ErasureSteps(const Privacy::Parts& parts, const Author& author, ErasureState& state, std::function<bool()> stop)
      : parts_(parts), author_(author), state_(state), stop_(std::move(stop)) {}
  ~ErasureSteps() = default;

  // "erased-k3v9x0q2": what takes the place of whoever is erased.
  std::string Placeholder() const;
  // The audit log hears of it, of the project, empty: of none: by whom, and never of whom.
  Status NoteBegun(const std::string& project);
  // And of the end, with what was counted. The audit entries of these revisions become tombstones with it; more than
  // 10 000 with one revision before for each 10 000.
  Status NoteErased(const std::string& project, const std::string& counts, std::vector<Revision> redact);

  // In the order of the store, every value of that space that is to be another. A dry run asks, and nothing is
  // replaced.
  Status Rewrite(KeySpace space, const Rewriter& rewriter);

  // The first 100 are kept.
  void Remains(std::string place);
  // Each backup may hold it. What cannot be told is for people to look at, whatever else remains.
  void ListBackups();

  Status Stopped() const;  // kUnavailable, as an erasure's

  const Privacy::Parts& parts_;
  const Author author_;
  ErasureState& state_;
  const std::function<bool()> stop_;

 private:
  Status Note(std::string_view what, std::string_view action, const std::string& project, const std::string& comment,
              std::vector<Revision> redact);
};

// An erasure of a member of the team, who has to be none any more. Fills in `state`; its error is how it ended.
Status EraseMember(const Privacy::Parts& parts, const std::string& member, const Author& author, ErasureState& state,
                   const std::function<bool()>& stop);

}  // namespace guidon
