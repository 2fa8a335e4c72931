// Files in /dev/shm: born whole, opened under a shared lock, removed only when nobody has them open.
//
// Whoever has a segment open holds flock(LOCK_SH) on it. The mapping alone keeps the lock after its descriptor is
// closed, and the kernel drops it with the last mapping, however the process ends. So "who has it open?" is a question
// that flock(LOCK_EX | LOCK_NB) answers, without pids, across containers that share /dev/shm.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "sys/result.h"

namespace multiproc::sys {

// A file that has no name yet (or, where O_TMPFILE is missing, a temporary one).
struct NewFile {
  int fd = -1;
  std::string temporary;
};

struct FileFacts {
  uint64_t size = 0;
  uint64_t inode = 0;
  bool is_backed = true;  // all of it has memory behind it, as far as the file system tells
};

// Makes a file of `size` bytes, mode 0600, its memory reserved: a full /dev/shm says ENOSPC here, not SIGBUS later.
// The file is locked (shared) before it can have a name. `temporary_name` is used only where O_TMPFILE is missing.
// With `reserved` only so much of it, from its start on, is backed by memory: `reserve_range` does the rest piece by
// piece.
Failure create_file(uint64_t size, const std::string& temporary_name, NewFile* file);
Failure create_file(uint64_t size, uint64_t reserved, const std::string& temporary_name, NewFile* file);

// Gives the file its name. EEXIST: somebody else was first. The descriptor stays open.
Failure publish_file(NewFile* file, const std::string& name);

// Closes the descriptor and removes what a file that never got its name left behind. Idempotent.
void close_file(NewFile* file);

// Opens an existing file of this user, mode 0600, and takes the shared lock. ENOENT also when it was unlinked
// meanwhile, EACCES for a file of another user, type or mode, EMLINK for one with a second name, ELOOP for a symbolic
// link, EISDIR, ENXIO for a socket, EBUSY when a sweeper holds it for five seconds. Only that last one waits.
Failure open_file(const std::string& name, int* fd, FileFacts* facts);

// Opens an existing file, whoever made it, with whatever mode, and takes no lock. ENOENT, EACCES.
Failure open_any_file(const std::string& name, int* fd, FileFacts* facts);

// Gives an empty file its size, its memory reserved. On failure it is empty again.
Failure reserve_file(int fd, uint64_t size);

// Backs a part of a file with memory. ENOSPC when there is none: what was had is given back. Precondition: no part of
// the range is in use.
Failure reserve_range(int fd, uint64_t offset, uint64_t length);

// Gives the memory behind a part of a file back; zeros will be read there.
void discard_range(int fd, uint64_t offset, uint64_t length);

// The same for a part of a file that is mapped, without a descriptor of it. A part that is not whole pages is widened
// to them for reserving, and narrowed for discarding. Precondition: can_reserve_mapped().
Failure reserve_mapped(uint8_t* start, uint64_t length);
void discard_mapped(uint8_t* start, uint64_t length);

// Whether the kernel reserves through mappings (MADV_POPULATE_WRITE, since Linux 5.14). Asked once.
bool can_reserve_mapped();

// Takes the exclusive lock instead of the shared one, if nobody else has the file open. False: someone has, and the
// shared lock is lost, too.
bool lock_alone(int fd);

// Removes the name. ENOENT when there is none.
Failure unlink_file(const std::string& name);

enum class Sweep { removed, in_use, gone };

// Removes the file of this user if nobody has it open and `still_needed` (given the descriptor) says no.
Sweep sweep_file(const std::string& name, bool (*still_needed)(int fd, uint64_t size));

// The path of a name. Names hold no slash: the callers check.
std::string file_path(const std::string& name);

}  // namespace multiproc::sys
