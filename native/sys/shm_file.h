// Files in /dev/shm: created complete, opened under a shared lock, removed only when no process has them open.
//
// Every process that has a segment open holds flock(LOCK_SH) on it. The mapping keeps the lock after its descriptor is
// closed, and the kernel drops it with the last mapping, however the process ends. flock(LOCK_EX | LOCK_NB) thus
// detects use without pids, and across containers that share /dev/shm.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "sys/result.h"

namespace multiproc::sys {

// A file without a name (or, without O_TMPFILE, with a temporary one).
struct NewFile {
  int fd = -1;
  std::string temporary;
};

struct FileFacts {
  uint64_t size = 0;
  uint64_t inode = 0;
  bool is_backed = true;  // memory backs all of it, as far as the file system reports
};

// Creates a file of `size` bytes, mode 0600, with its memory reserved: a full /dev/shm causes ENOSPC here, not SIGBUS
// later. It is locked (shared) before it can have a name. `temporary_name` is used only without O_TMPFILE. With
// `reserved`, memory backs only that many bytes from the start; `reserve_range` adds the rest.
Failure create_file(uint64_t size, const std::string& temporary_name, NewFile* file);
Failure create_file(uint64_t size, uint64_t reserved, const std::string& temporary_name, NewFile* file);

// Gives the file its name. EEXIST: another process created it first. The descriptor stays open.
Failure publish_file(NewFile* file, const std::string& name);

// Closes the descriptor and removes an unpublished file's temporary name. Idempotent.
void close_file(NewFile* file);

// Opens an existing file of this user, mode 0600, and takes the shared lock. ENOENT also if unlinked meanwhile, EACCES
// for another user, type or mode, EMLINK for a second name, ELOOP for a symbolic link, EISDIR, ENXIO for a socket,
// EBUSY if a sweeper holds the lock for five seconds. Only a sweeper or, briefly, a second name makes it wait.
Failure open_file(const std::string& name, int* fd, FileFacts* facts);

// Opens an existing file of any user and mode, without a lock. ENOENT, EACCES.
Failure open_any_file(const std::string& name, int* fd, FileFacts* facts);

// Gives an empty file its size, with its memory reserved. On failure the file is empty again.
Failure reserve_file(int fd, uint64_t size);

// Backs a range of a file with memory. ENOSPC: exhausted, and everything reserved is given back. Precondition: no part
// of the range is in use.
Failure reserve_range(int fd, uint64_t offset, uint64_t length);

// Frees the memory behind a range of a file, which then reads as zeros.
void discard_range(int fd, uint64_t offset, uint64_t length);

// Reserves or discards a range of a mapped file, without its descriptor. Reserving widens the range to whole pages,
// discarding narrows it. Precondition: can_reserve_mapped().
Failure reserve_mapped(uint8_t* start, uint64_t length);
void discard_mapped(uint8_t* start, uint64_t length);

// Returns whether the kernel reserves through mappings (MADV_POPULATE_WRITE, since Linux 5.14). Tested once.
bool can_reserve_mapped();

// Replaces the shared lock by the exclusive one, if no other process has the file open. On false no lock is left.
bool lock_alone(int fd);

// Removes the name. ENOENT: there is no such name.
Failure unlink_file(const std::string& name);

enum class Sweep { removed, in_use, gone };

// Removes the file of this user if no process has it open and `still_needed` returns false.
Sweep sweep_file(const std::string& name, bool (*still_needed)(int fd, uint64_t size));

// Returns the path of a name. Precondition: the name contains no slash.
std::string file_path(const std::string& name);

}  // namespace multiproc::sys
