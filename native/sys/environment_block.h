// The environment as /proc/PID/environ shows it: the memory that the kernel set up at execve(2).
#pragma once

#include <string>

#include "sys/result.h"

namespace multiproc::sys {

// Whether this kernel lets a process move its block without privileges (PR_SET_MM_MAP, which CONFIG_CHECKPOINT_RESTORE
// brings).
bool can_replace_environment_block();

// Makes /proc/PID/environ show `block`: "NAME=value" strings, each with a zero byte after it. getenv(3) is not
// affected. Call it in a process with one thread: the kernel takes the program's current break along.
Failure replace_environment_block(const std::string& block);

}  // namespace multiproc::sys
