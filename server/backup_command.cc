#include "server/backup_command.h"

#include <sys/stat.h>

#include <iostream>
#include <string>

#include "core/base/json.h"
#include "core/model/units.h"
#include "server/store/backup.h"

namespace guidon {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

std::string TimeOf(Timestamp time) {
  return FormatTimestamp(time.time_since_epoch().count());
}

int Complain(const BackupCommand& command, const Error& error) {
  std::cerr << "guidond: " << error.message << "\n";
  if (command.json) {
    std::cout << ToJson(Object{{"code", Value(ToString(error.code))}, {"detail", Value(error.message)}}) << "\n";
  }
  const bool is_usage = error.code == ErrorCode::kInvalid || error.code == ErrorCode::kNotFound;
  return is_usage ? kUsage : kFailed;
}

Object Describe(const BackupManifest& manifest) {
  return {{"made", Value(TimeOf(manifest.made))},
          {"epoch", Value(manifest.epoch)},
          {"revision", Value(manifest.head.revision)},
          {"bytes", Value(manifest.Bytes())},
          {"files", Value(static_cast<std::uint64_t>(manifest.files.size()))},
          {"version", Value(manifest.version)}};
}

int Verify(const BackupCommand& command) {
  Result<BackupManifest> manifest = VerifyBackup(command.folder);
  if (!manifest) return Complain(command, manifest.error());
  if (command.json) {
    std::cout << ToJson(Describe(*manifest)) << "\n";
  } else {
    std::cout << command.folder << " is whole: revision " << manifest->head.revision << " of epoch " << manifest->epoch
              << ", made at " << TimeOf(manifest->made) << ", " << manifest->files.size() << " files, "
              << manifest->Bytes() << " bytes\n";
  }
  return 0;
}

int Restore(const BackupCommand& command) {
  Result<Restored> restored = RestoreBackup(command.folder, command.data);
  if (!restored) return Complain(command, restored.error());
  if (command.json) {
    Object document = Describe(restored->from);
    document.Append("from_epoch", Value(restored->from.epoch));
    document.Set("epoch", Value(restored->epoch));
    document.Append("data", Value(command.data));
    std::cout << ToJson(document) << "\n";
  } else {
    std::cout
        << command.data << " holds revision " << restored->from.head.revision << ", as it was at "
        << TimeOf(restored->from.made) << "; its epoch is " << restored->epoch << ", that of the backup was "
        << restored->from.epoch << "\nStart it with: guidond --data " << command.data
        << "\nClients notice the new epoch and take everything afresh. Keys that were revoked since the backup are "
           "valid again: revoke them.\n";
  }
  return 0;
}

}  // namespace

int RunBackupCommand(const BackupCommand& command) {
  umask(S_IRWXG | S_IRWXO);  // what is restored has events and keys in it: for its owner alone, as the service has it
  return command.restore ? Restore(command) : Verify(command);
}

}  // namespace guidon
