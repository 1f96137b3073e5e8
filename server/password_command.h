// guidond hash-password: what break-glass-file has to hold.
#pragma once

namespace guidon {

// Reads a line from standard input, or asks for it twice, unseen, where that is a terminal, and prints its hash. The
// exit code: 0; 1 when the system refuses; 2 when it is no password to take.
int RunPasswordCommand();

}  // namespace guidon
