// Flags that the environment of the process overrides, for local work: GUIDON_FLAG_NEW_CHECKOUT=true has `new-checkout`
// serve true to everyone.
//
// An override is a change on top of the ruleset, made whenever there is a new one: the flag's record with one rule in
// place of all that it says, and without the experiments that act on it. So reads, prerequisites and conditions follow
// it without knowing of it, and what a server sent stays as it was sent.
//
// Thread safety: a plain value; FromProcess reads `environ`, which nobody must alter meanwhile.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "core/model/definitions.h"
#include "core/ruleset/ruleset.h"

namespace guidon {

class Overrides {
 public:
  using Variables = std::map<std::string, std::string, std::less<>>;  // by name

  Overrides() = default;  // none
  explicit Overrides(Variables variables) : variables_(std::move(variables)) {}
  static Overrides FromProcess();

  bool empty() const { return variables_.empty(); }

  struct Effect {
    ChangeSet changes;
    std::map<std::string, std::string> said;  // by variable: what it does, or why it does nothing
  };
  // `record_of` gives the text of a flag's record, or nullptr.
  Effect On(const Ruleset& ruleset, const std::function<const std::string*(const std::string& flag)>& record_of) const;

 private:
  Variables variables_;
};

}  // namespace guidon
