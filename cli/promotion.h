// What promoting on the server and in files have in common: which flags, what the gate says, and how it is told.
//
// Thread safety: one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <guidon/context.h>
#include <guidon/value.h>
#include "cli/verbs.h"
#include "core/base/result.h"
#include "core/diff/targeting_merge.h"
#include "core/model/definitions.h"
#include "gate/finding.h"
#include "gate/policy.h"
#include "workspace/workspace.h"

namespace guidon::cli {

struct PromotedFlag {
  std::string key;
  Value definition;       // in the canonical form, as it is now
  Revision revision = 0;  // of it, on the server
  PromotedTargeting promoted = {};
};

TargetingValue TargetingIn(const Value& definition, const std::string& environment);
// With what there would be in the environment that it goes to.
Value DefinitionAfter(const PromotedFlag& flag, const std::string& to);

// Those of `all` that were asked for, and that say something else in the two environments. kNotFound: one that was
// named is not there, is archived, or says nothing about the environment that it comes from.
Result<std::vector<PromotedFlag>> ChosenFlags(std::vector<PromotedFlag> all, const PromoteOptions& options);

class PromotionReview {
 public:
  PromotionReview(const PromoteOptions& options, std::int64_t now_ms);

  // Each says what is wrong, and gives the exit code for it.
  std::optional<int> TakePolicy(const std::string& path);  // empty: the default
  std::optional<int> TakeContexts();

  // What the gate would say of it: of the environment before and after, and of the flags themselves; `workspace` for
  // the places.
  void CheckChange(const Workspace& workspace, const EntitySet& before, const EntitySet& after,
                   const std::vector<PromotedFlag>& flags);
  void CheckFreeze(std::int64_t at_ms);
  // Of files as they would be, without an error.
  void CheckTests(const Workspace& workspace);
  // What the policy protects of it, and a change request has to carry.
  std::vector<gate::Finding> ProtectedIn(const Workspace& workspace, const EntitySet& before, const EntitySet& after,
                                         const Value& plan) const;
  // Whether the policy, with its severities and waivers, has one of them fail.
  bool Refuses(const std::vector<gate::Finding>& findings) const;
  const gate::Policy& policy() const { return policy_; }
  void Add(std::vector<gate::Finding> findings);

  // Its verdict as exit code, once all was added. Shows the table, or adds `gate` to the document.
  int Judge(Object& document);

  // {"from", "to", "flags"}, which the others add to.
  Object Document(const std::vector<PromotedFlag>& flags) const;
  // Whether there are any; shows them, or adds `conflicts` to the document.
  bool HasConflicts(const std::vector<PromotedFlag>& flags, const std::string& way_out, Object& document) const;
  // Nothing to do is no fault.
  int SayNothingToDo(Object document) const;

 private:
  const PromoteOptions& options_;
  const std::int64_t now_ms_;
  gate::Policy policy_;
  gate::Report report_;
  std::vector<Context> contexts_;
};

int PromoteOnServer(const PromoteOptions& options, std::int64_t now_ms);
int PromoteInFiles(const PromoteOptions& options, std::int64_t now_ms);

}  // namespace guidon::cli
