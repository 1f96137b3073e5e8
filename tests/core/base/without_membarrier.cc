// A process that never had membarrier(2): before main(), so before anything is published.
#include "tests/core/base/deny_membarrier.h"

namespace {

[[maybe_unused]] const bool denied = (guidon::DenyMembarrier(), true);

}  // namespace
