// The environment of `./dev bench load`: 5 000 flags as a large shop would have them, about 5 MB of JSON. One in four
// is of text with four variations; all have owner, tags and a description, three rules, a few targets and a default;
// one in five splits, one in ten requires another, every rule of the first kind asks one of 20 segments.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/codec/wire.h"

namespace guidon::bench {

inline constexpr std::size_t kLoadedFlags = 5'000;

std::vector<EncodedEntity> MakeEnvironment();
std::string ToDocument(const std::vector<EncodedEntity>& entities);  // of revision 1

// A flag of the environment as it is after a change; `number` makes it differ.
EncodedEntity ChangedFlag(std::size_t flag, std::size_t number);
// `from` -> `from` + 1, of an environment that is `entities` until then; replaces the flag there.
std::string ToChange(std::vector<EncodedEntity>& entities, std::size_t flag, Revision from);

// What this process has allocated and not given back; glibc's count, which sanitizers do not keep.
std::size_t BytesInUse();

}  // namespace guidon::bench
