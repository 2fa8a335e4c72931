// Inherited attributes of a process that another process cannot change in a running child.
#pragma once

#include <string>

namespace multiproc::sys {

// Returns the attributes that a program started from the calling thread would inherit, as text: one "name<TAB>value"
// per line. Includes credentials, capabilities, resource limits, scheduling, namespaces and control groups. Excludes
// the umask (`inherited_umask`), the working directory, the environment and descriptors, which a forked child is given.
std::string inherited_attributes();

// Returns the umask without changing it, unlike umask(2); -1 if the kernel does not report it (before Linux 4.7).
int inherited_umask();

}  // namespace multiproc::sys
