// The small text files of /proc about processes and threads.
#include "sys/proc_text.h"

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstring>

namespace multiproc::sys {

void read_start(const char* path, char* text, size_t size) {
  text[0] = '\0';
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file == -1) return;
  ssize_t length = read(file, text, size - 1);
  close(file);
  text[length > 0 ? length : 0] = '\0';
}

char state_of(const char* stat) {
  // The name, in parentheses, may contain any character.
  const char* name_end = strrchr(stat, ')');
  return name_end != nullptr && name_end[1] != '\0' ? name_end[2] : '\0';
}

}  // namespace multiproc::sys
