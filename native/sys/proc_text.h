// The small text files of /proc about processes and threads.
#pragma once

#include <cstddef>

namespace multiproc::sys {

// Reads the beginning of a file as a string; empty if the file cannot be read.
void read_start(const char* path, char* text, size_t size);

// Returns the state letter of a `stat` text ('R': running or runnable), or 0 for another text.
char state_of(const char* stat);

}  // namespace multiproc::sys
