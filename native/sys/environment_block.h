// The environment that /proc/PID/environ shows: memory set up by the kernel at execve(2).
#pragma once

#include <string>

#include "sys/result.h"

namespace multiproc::sys {

// Returns whether an unprivileged process may move its block (PR_SET_MM_MAP, with CONFIG_CHECKPOINT_RESTORE).
bool can_replace_environment_block();

// Makes /proc/PID/environ show `block`: "NAME=value" strings, each followed by a zero byte. Does not affect getenv(3).
// Precondition: a single thread, because the call also sets the program break.
Failure replace_environment_block(const std::string& block);

}  // namespace multiproc::sys
