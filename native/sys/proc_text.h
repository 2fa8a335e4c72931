// The small texts by which /proc tells of processes and threads.
#pragma once

#include <cstddef>

namespace multiproc::sys {

// The file's beginning, as a string; empty where it cannot be read.
void read_start(const char* path, char* text, size_t size);

// The state in the text of a `stat` file, as a letter ('R' is on a processor or about to be); 0 in another text.
char state_of(const char* stat);

}  // namespace multiproc::sys
