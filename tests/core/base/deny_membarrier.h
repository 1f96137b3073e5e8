// Takes membarrier(2) away from this process, for good: the call answers ENOSYS, as on a kernel that does not have it.
#pragma once

namespace guidon {

// For the calling thread and those that it starts. Ends the process when the kernel refuses.
void DenyMembarrier();

}  // namespace guidon
