#include "server/store/backup.h"
#include "tests/fuzz/targets.h"

namespace guidon::fuzz {

void Backup(std::string_view input) {
  const Result<BackupManifest> manifest = DecodeManifest(input);
  if (!manifest) return Require(!manifest.error().message.empty(), "a refusal says why");
  Require(EncodeManifest(*manifest) == input, "there is one way to write a manifest");
  for (std::size_t i = 0; i < input.size(); i += 7) {
    std::string other(input);
    other[i] = static_cast<char>(other[i] ^ 1);
    Require(!DecodeManifest(other), "another byte is noticed");
  }
}

}  // namespace guidon::fuzz
