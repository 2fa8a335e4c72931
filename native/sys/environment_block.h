// The environment that /proc/PID/environ shows: memory that the kernel sets up at execve(2).
#pragma once

#include <string>

#include "sys/result.h"

namespace multiproc::sys {

// Returns whether an unprivileged process may move its environment block (PR_SET_MM_MAP, with
// CONFIG_CHECKPOINT_RESTORE).
bool can_replace_environment_block();

// Makes /proc/PID/environ show `block`: "NAME=value" strings, each followed by a zero byte. Does not affect getenv(3).
// Precondition: the process has one thread, because the call also sets the current program break.
Failure replace_environment_block(const std::string& block);

}  // namespace multiproc::sys
