// The store's part in the hash chain (audit/chain.h): making links, and verifying those that it holds.
//
// Thread safety: NewLink is a pure function but for its random bytes; VerifyChain as the store.
#pragma once

#include "audit/chain.h"
#include "core/base/result.h"
#include "server/store/store.h"

namespace guidon {

// The link after `previous`, with fresh salts, ready to be stored.
RevisionEntry NewLink(const Hash256& previous, Revision revision, Position position, Timestamp time,
                      RevisionRecord record);

// Recomputes the links of revisions [from, to]; to = 0: up to the head, which must then end in the head's hash.
// Reads 256 revisions at a time.
Result<ChainReport> VerifyChain(const Store& store, Revision from = 1, Revision to = 0);

}  // namespace guidon
