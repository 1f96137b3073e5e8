// The units of one attribute in one environment, and which events say what of them: the table of sources.
//
// Thread safety: belongs to one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/ingest/fact_events.h"
#include "server/ingest/fold_records.h"

namespace guidon {

class Ruleset;

class FactSpace {
 public:
  FactSpace(UnitSpace name, std::vector<StoredSource> sources);

  const UnitSpace& name() const { return name_; }
  const std::string& unit_prefix() const { return unit_prefix_; }  // of the keys of its units
  const std::vector<StoredSource>& sources() const { return sources_; }

  // The ids of sources, in their order; one that is new is made up for up to `from`, and takes the first id that is
  // free. Nothing, and none is taken, when there would be more than `most`.
  std::optional<std::vector<stats::SourceId>> Take(const std::vector<FactSource>& sources, std::uint64_t from,
                                                   std::size_t most);
  // Those that are not among `used` are retired. Whether any was.
  bool Retire(const std::vector<bool>& used);
  // Ids of those that are retired and not free; and of such: no unit has facts of it any more.
  std::vector<stats::SourceId> Retired() const;
  void Free(const std::vector<stats::SourceId>& ids);
  // Everything up to `sequence` is made up for.
  void MadeUpFor(std::uint64_t sequence);

  // The oldest entry after which something is to be made up for, and up to which; nothing: all is complete.
  struct Gap {
    std::uint64_t after = 0, to = 0;
  };
  std::optional<Gap> OldestGap() const;

  // What an event says, by source.
  struct Reading {
    stats::SourceId source = 0;
    double value = 1;
    std::optional<FactRejection> rejection;
  };
  void Read(const FactEvent& event, std::vector<Reading>& readings);
  // Whether any source is of events of that name.
  bool Names(std::string_view event) const;

 private:
  void Compile();
  std::optional<stats::SourceId> Find(const FactSource& source) const;  // of those in use
  stats::SourceId Add(const FactSource& source, std::uint64_t from);

  UnitSpace name_;
  std::string unit_prefix_;
  std::vector<StoredSource> sources_;  // by id
  std::map<std::string, std::vector<stats::SourceId>, std::less<>> by_event_;
  bool is_compiled_ = false;
  std::shared_ptr<const Ruleset> conditions_;  // a flag for each source with a condition
  std::vector<std::uint32_t> slots_;           // of those flags, by source
};

}  // namespace guidon
