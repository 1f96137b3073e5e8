// Random YAML as people write it, and worse: block and flow, every style of scalar, anchors, documents, odd indents,
// and comments wherever one may stand.
#pragma once

#include <cstdint>
#include <string>

namespace guidon::testing {

std::string RandomYaml(std::uint64_t seed);

}  // namespace guidon::testing
