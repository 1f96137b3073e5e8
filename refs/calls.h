// Which functions read a flag, in which language, and which of their arguments is what.
//
// Names that only an SDK has (guidon_bool, getBooleanValue) are taken wherever they are called. Names that others have,
// too (Bool, String, Int), are taken as methods alone, and only if the arguments look like a read: Go's
// `flag.Bool("v", false, "usage")` and RapidJSON's `writer.String("text", 4, true)` are none.
//
// Sources: sdk/include/guidon/client.h and guidon.h; the OpenFeature SDKs for C++, Python, JavaScript (server, web,
// React), Go, Java and Rust.
//
// Thread safety: plain values; a CallTable is immutable once it is built.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "refs/reference.h"

namespace guidon::refs {

inline constexpr int kNoArgument = -1;
inline constexpr int kLastArgument = -2;
inline constexpr int kChainedArgument = -3;  // Rust: of `.unwrap_or(…)` behind the call

struct Call {
  std::string name;      // "Bool"
  std::string receiver;  // what stands before it, "features" of features.is_on or features::is_on; empty: whatever
  Wanted wanted = Wanted::kUnknown;
  How how = How::kCall;
  std::uint16_t languages = 0;  // a bit for each Language
  int key = 0;                  // which argument, from 0
  int fallback = kNoArgument;   // which argument, from 0, or one of the above
  std::size_t least = 1;        // arguments that it takes at least …
  std::size_t most = SIZE_MAX;  // … and at most
  bool is_method = false;       // something with a `.` or `->` stands before it
  bool is_common = false;       // others have functions of this name: arguments have to look like a read
  bool is_generated = false;    // an accessor: `key_text` is the key, `receiver` its namespace's last part
  std::string key_text = {};
};

constexpr std::uint16_t BitOf(Language language) {
  return static_cast<std::uint16_t>(1u << static_cast<unsigned>(language));
}
inline constexpr std::uint16_t kAllLanguages = 0x1ff;

// Of all SDKs that we know.
std::vector<Call> KnownCalls();

// Names of entries in YAML whose value is a key: `flagKey: checkout.layout`.
inline constexpr std::string_view kEntryNames[] = {"flagKey",     "flag_key",     "flag-key",
                                                   "featureFlag", "feature_flag", "feature-flag"};

class CallTable {
 public:
  explicit CallTable(std::vector<Call> calls);
  CallTable(const CallTable&) = delete;
  CallTable& operator=(const CallTable&) = delete;

  // Those of this name, in whatever language; empty: none. A few nanoseconds where there is none.
  const std::vector<std::size_t>& Find(std::string_view name) const {
    static const std::vector<std::size_t> kNone;
    if (name.empty() || !filter_[SlotOf(name)]) return kNone;
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? kNone : found->second;
  }
  const Call& at(std::size_t index) const { return calls_[index]; }
  bool HasAccessors() const { return has_accessors_; }

 private:
  static std::size_t SlotOf(std::string_view name) {
    return (name.size() * 67u + static_cast<unsigned char>(name.front()) * 31u +
            static_cast<unsigned char>(name.back()) * 7u) %
           4096u;
  }

  std::vector<Call> calls_;
  std::unordered_map<std::string_view, std::vector<std::size_t>> by_name_;  // views of names in calls_
  std::bitset<4096> filter_;
  bool has_accessors_ = false;
};

}  // namespace guidon::refs
