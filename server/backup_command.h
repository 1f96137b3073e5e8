// guidond backup verify|restore: what `guidon backup` hands over to, as only the server knows a store's files.
#pragma once

#include "server/arguments.h"

namespace guidon {

// Says what came of it on standard output, complaints on standard error. The exit code: 0; 1 when the backup is damaged
// or the disk refuses; 2 when there is no such backup or the target cannot be one.
int RunBackupCommand(const BackupCommand& command);

}  // namespace guidon
