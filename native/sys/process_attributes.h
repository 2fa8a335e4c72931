// Attributes of a process that its children inherit and that a running child cannot be given by another process.
#pragma once

#include <string>

namespace multiproc::sys {

// The attributes that a program started from the calling thread would inherit, as text: one "name<TAB>value" per line.
// Credentials, capabilities, resource limits, scheduling, namespaces, control groups and the like. Not included: the
// umask (`inherited_umask`), the working directory, the environment and descriptors, which a forked child is given.
std::string inherited_attributes();

// The umask, without changing it as umask(2) would; -1 where the kernel does not report it (before Linux 4.7).
int inherited_umask();

}  // namespace multiproc::sys
