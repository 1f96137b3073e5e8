// What a TestSource holds, and the clients that it tells: a server in miniature, which hands out the documents of
// docs/spec/wire.md without a network.
//
// Thread safety: any thread. Clients are told under a lock that the same thread may take again: callbacks of OnChange
// run one at a time, as they do with a server, and may set flags, too. Other clients then hear of that before they hear
// of the change that the callback was told of; such a client is given everything.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/test_source.h>
#include <guidon/value.h>
#include "core/codec/wire.h"
#include "sdk/client/client_core.h"

namespace guidon::internal {

class TestFlags {
 public:
  void Attach(const std::shared_ptr<ClientCore>& client);
  void Set(std::string_view flag, Value value);
  void Remove(std::string_view flag);
  std::string LastError() const;

 private:
  std::string SnapshotNow() const;
  void Tell(const std::vector<EncodedEntity>& upserts, const std::vector<EntityRef>& removals);
  std::vector<EncodedEntity> Entities() const;

  mutable std::recursive_mutex mutex_;  // guards all below
  Revision revision_ = 1;
  std::map<std::string, EncodedEntity, std::less<>> flags_;
  std::vector<std::weak_ptr<ClientCore>> clients_;
  std::string last_error_;
};

}  // namespace guidon::internal
