// Files in /dev/shm.
#include "sys/shm_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "sys/clock.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace multiproc::sys {

namespace {

constexpr mode_t kMode = 0600;
constexpr uint64_t kReservePiece = 1 << 20;
constexpr int64_t kLongestSweep = 5000 * kMillisecond;
constexpr int64_t kLongestPublish = 100 * kMillisecond;

int retry_open(const char* path, int flags, mode_t mode) {
  int fd;
  do fd = open(path, flags | O_CLOEXEC, mode);
  while (fd == -1 && errno == EINTR);
  return fd;
}

int retry_flock(int fd, int operation) {
  int result;
  do result = flock(fd, operation);
  while (result == -1 && errno == EINTR);
  return result;
}

constexpr uintptr_t kPage = 4096;

bool has_room(const struct statfs& system, uint64_t size) {
  if (system.f_type != TMPFS_MAGIC || system.f_blocks == 0) return true;
  return system.f_bavail >= (size + static_cast<uint64_t>(system.f_bsize) - 1) / static_cast<uint64_t>(system.f_bsize);
}

// Reserves piece by piece. Before Linux 6.10 a signal makes tmpfs undo the whole posix_fallocate, so that a profiler's
// timer would restart a large file indefinitely.
//
// A failure gives all pieces back, and a range that does not fit is not begun: other programs need the memory. Returns
// an errno. Precondition: no part of the range is in use.
int reserve(int fd, uint64_t offset, uint64_t size) {
  struct statfs system;
  // A single call needs no check: a failure gives everything back.
  if (size > kReservePiece && fstatfs(fd, &system) == 0 && !has_room(system, size)) return ENOSPC;
  for (uint64_t done = 0; done < size;) {
    uint64_t piece = std::min(size - done, kReservePiece);
    int code = posix_fallocate(fd, static_cast<off_t>(offset + done), static_cast<off_t>(piece));
    if (code == 0)
      done += piece;
    else if (code != EINTR) {
      if (done > 0) discard_range(fd, offset, done);
      return code;
    }
  }
  return size == 0 ? EINVAL : 0;
}

// A sweeper holds the exclusive lock for microseconds; the deadline bounds the wait for a stopped one.
Failure lock_within(int fd, int64_t deadline_ns) {
  for (;;) {
    if (retry_flock(fd, LOCK_SH | LOCK_NB) == 0) return {};
    if (errno != EWOULDBLOCK) return {errno, "flock"};
    if (monotonic_ns() > deadline_ns) return {EBUSY, "flock"};
    timespec moment = {0, kMillisecond};
    nanosleep(&moment, nullptr);
  }
}

// Checks type, owner and mode, which never improve, before the lock: another user may hold that indefinitely.
Failure check_owner(int fd) {
  struct stat status;
  if (fstat(fd, &status) == -1) return {errno, "fstat"};
  if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 07777) != kMode) {
    return {EACCES, "open"};
  }
  return {};
}

// tmpfs counts swapped pages, too; other file systems' counts differ.
bool is_backed(int fd, const struct stat& status) {
  if (status.st_blocks >= (status.st_size + 511) / 512) return true;
  struct statfs system;
  return fstatfs(fd, &system) == -1 || system.f_type != TMPFS_MAGIC;
}

// Precondition: the lock is held, so no sweeper removes the name. A second name could present one object as another; it
// exists briefly while link(2) and unlink(2) publish a file.
Failure check_links(int fd, FileFacts* facts) {
  int64_t deadline_ns = monotonic_ns() + kLongestPublish;
  struct stat status;
  for (;;) {
    if (fstat(fd, &status) == -1) return {errno, "fstat"};
    if (status.st_nlink < 2) break;
    if (monotonic_ns() > deadline_ns) return {EMLINK, "open"};
    timespec moment = {0, kMillisecond};
    nanosleep(&moment, nullptr);
  }
  if (status.st_nlink == 0) return {ENOENT, "open"};
  facts->size = static_cast<uint64_t>(status.st_size);
  facts->inode = static_cast<uint64_t>(status.st_ino);
  facts->is_backed = is_backed(fd, status);
  return {};
}

}  // namespace

std::string file_path(const std::string& name) { return "/dev/shm/" + name; }

Failure create_file(uint64_t size, const std::string& temporary_name, NewFile* file) {
  return create_file(size, size, temporary_name, file);
}

Failure create_file(uint64_t size, uint64_t reserved, const std::string& temporary_name, NewFile* file) {
  file->fd = retry_open("/dev/shm", O_TMPFILE | O_RDWR, kMode);
  if (file->fd == -1) {
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) return {errno, "open"};
    file->temporary = temporary_name;
    file->fd = retry_open(file_path(temporary_name).c_str(), O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, kMode);
    if (file->fd == -1) return {errno, "open"};
  }
  // The umask has removed bits that `open_file` requires.
  if (fchmod(file->fd, kMode) == -1 || retry_flock(file->fd, LOCK_SH) == -1) {
    Failure failure = {errno, "fchmod"};
    close_file(file);
    return failure;
  }
  int code = reserve(file->fd, 0, reserved);
  if (code == 0 && reserved < size && ftruncate(file->fd, static_cast<off_t>(size)) == -1) code = errno;
  if (code != 0) {
    close_file(file);
    return {code, "posix_fallocate"};
  }
  return {};
}

Failure publish_file(NewFile* file, const std::string& name) {
  std::string target = file_path(name);
  if (!file->temporary.empty()) {
    if (link(file_path(file->temporary).c_str(), target.c_str()) == -1) return {errno, "link"};
    unlink(file_path(file->temporary).c_str());
    file->temporary.clear();
    return {};
  }
  // AT_EMPTY_PATH would need a capability.
  char self[32];
  snprintf(self, sizeof self, "/proc/self/fd/%d", file->fd);
  if (linkat(AT_FDCWD, self, AT_FDCWD, target.c_str(), AT_SYMLINK_FOLLOW) == -1) return {errno, "linkat"};
  return {};
}

void close_file(NewFile* file) {
  if (!file->temporary.empty()) unlink(file_path(file->temporary).c_str());
  file->temporary.clear();
  if (file->fd != -1) close(file->fd);
  file->fd = -1;
}

Failure open_file(const std::string& name, int* fd, FileFacts* facts) {
  *fd = retry_open(file_path(name).c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);
  if (*fd == -1) return {errno, "open"};
  Failure failure = check_owner(*fd);
  if (!failure) failure = lock_within(*fd, monotonic_ns() + kLongestSweep);
  if (!failure) failure = check_links(*fd, facts);
  if (failure) {
    close(*fd);
    *fd = -1;
  }
  return failure;
}

Failure open_any_file(const std::string& name, int* fd, FileFacts* facts) {
  *fd = retry_open(file_path(name).c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);
  if (*fd == -1) return {errno, "open"};
  struct stat status;
  Failure failure;
  if (fstat(*fd, &status) == -1) failure = {errno, "fstat"};
  if (!failure && !S_ISREG(status.st_mode)) failure = {EACCES, "open"};  // a FIFO, a device
  if (failure) {
    close(*fd);
    *fd = -1;
    return failure;
  }
  facts->size = static_cast<uint64_t>(status.st_size);
  facts->inode = static_cast<uint64_t>(status.st_ino);
  return {};
}

Failure reserve_file(int fd, uint64_t size) {
  Failure failure = reserve_range(fd, 0, size);
  struct stat status;
  // Keep no size without memory, unless another process has meanwhile reserved the full size.
  if (failure && fstat(fd, &status) == 0 && static_cast<uint64_t>(status.st_size) < size) (void)!ftruncate(fd, 0);
  return failure;
}

Failure reserve_range(int fd, uint64_t offset, uint64_t length) {
  int code = reserve(fd, offset, length);
  return code == 0 ? Failure{} : Failure{code, "posix_fallocate"};
}

void discard_range(int fd, uint64_t offset, uint64_t length) {
  // A failure only keeps the memory for longer.
  (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                  static_cast<off_t>(length));
}

Failure reserve_mapped(uint8_t* start, uint64_t length) {
  uint8_t* first = start - reinterpret_cast<uintptr_t>(start) % kPage;
  uint64_t size = (static_cast<uint64_t>(start - first) + length + kPage - 1) / kPage * kPage;
  struct statfs system;
  // Unlike fallocate, a failed call keeps the pages that it reserved.
  if (statfs("/dev/shm", &system) == 0 && !has_room(system, size)) return {ENOSPC, "madvise"};
  for (uint64_t done = 0; done < size;) {
    uint64_t piece = std::min(size - done, kReservePiece);
    if (madvise(first + done, piece, MADV_POPULATE_WRITE) == 0) {
      done += piece;
    } else if (errno != EINTR && errno != EAGAIN) {
      // EFAULT: a store to the page would raise SIGBUS, because the file system is full.
      int code = errno == EFAULT ? ENOSPC : errno;
      discard_mapped(start, length);
      return {code, "madvise"};
    }
  }
  return {};
}

void discard_mapped(uint8_t* start, uint64_t length) {
  uint8_t* end = start + length;
  uint8_t* first = start + (kPage - reinterpret_cast<uintptr_t>(start) % kPage) % kPage;
  uint8_t* last = end - reinterpret_cast<uintptr_t>(end) % kPage;
  // A failure only keeps the memory for longer.
  if (first < last) (void)madvise(first, static_cast<size_t>(last - first), MADV_REMOVE);
}

bool can_reserve_mapped() {
  static const bool can = [] {
    void* page = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return false;
    bool works = madvise(page, kPage, MADV_POPULATE_WRITE) == 0 && madvise(page, kPage, MADV_REMOVE) == 0;
    munmap(page, kPage);
    return works;
  }();
  return can;
}

bool lock_alone(int fd) { return retry_flock(fd, LOCK_EX | LOCK_NB) == 0; }

Failure unlink_file(const std::string& name) {
  if (unlink(file_path(name).c_str()) == -1) return {errno, "unlink"};
  return {};
}

Sweep sweep_file(const std::string& name, bool (*still_needed)(int fd, uint64_t size)) {
  int fd = retry_open(file_path(name).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
  if (fd == -1) return errno == ENOENT ? Sweep::gone : Sweep::in_use;
  Sweep result = Sweep::in_use;
  struct stat opened, named;
  if (fstat(fd, &opened) == 0 && S_ISREG(opened.st_mode) && opened.st_uid == geteuid() && lock_alone(fd) &&
      !still_needed(fd, static_cast<uint64_t>(opened.st_size))) {
    // The name may meanwhile belong to another file: remove the locked one only.
    if (lstat(file_path(name).c_str(), &named) == -1) {
      result = Sweep::gone;
    } else if (named.st_ino == opened.st_ino && named.st_dev == opened.st_dev) {
      if (unlink(file_path(name).c_str()) == 0)
        result = Sweep::removed;
      else
        result = errno == ENOENT ? Sweep::gone : Sweep::in_use;
    }
  }
  close(fd);
  return result;
}

}  // namespace multiproc::sys
