// POSIX shared memory by name.
#include "sys/posix_shm.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "sys/shm_file.h"

namespace multiproc::sys {

namespace {

// Each round loses a race against a program that unlinks the name.
constexpr int kMostRounds = 1000;

int open_restarting(const char* name, int flags, mode_t mode) {
  int fd = -1;
  do {
    fd = shm_open(name, flags | O_RDWR | O_CLOEXEC, mode);
  } while (fd == -1 && errno == EINTR);
  return fd;
}

// Sets `*made` for a new object, so that a later failure can unlink it.
Failure open_object(const PosixShmRequest& request, int* fd, bool* made) {
  const char* name = request.name.c_str();
  for (int round = 0; round < kMostRounds; round++) {
    if (request.create) {
      *fd = open_restarting(name, O_CREAT | O_EXCL, request.mode);
      *made = *fd != -1;
      if (*made) return {};
      if (errno != EEXIST || request.exclusive) return {errno, "shm_open"};
    }
    *fd = open_restarting(name, 0, 0);
    if (*fd != -1) return {};
    // Unlinked between the two calls: try to create it again.
    if (request.create && errno == ENOENT) continue;
    return {errno, "shm_open"};
  }
  return {EBUSY, "shm_open"};
}

Failure map_object(const PosixShmRequest& request, int fd, std::shared_ptr<Mapping>* mapping) {
  struct stat facts;
  if (fstat(fd, &facts) != 0) return {errno, "fstat"};
  if (!S_ISREG(facts.st_mode)) return {EACCES, "shm_open"};  // a FIFO, a device
  uint64_t size = static_cast<uint64_t>(facts.st_size);
  if (size == 0) {
    if (!request.create) return {ENODATA, "shm_open"};
    Failure failure = reserve_file(fd, request.size);
    if (failure) return failure;
    size = request.size;
  }
  if (size > request.most) return {EFBIG, "shm_open"};
  return Mapping::map(fd, size, mapping);
}

}  // namespace

Failure open_posix_shm(const PosixShmRequest& request, std::shared_ptr<Mapping>* mapping) {
  int fd = -1;
  bool made = false;
  Failure failure = open_object(request, &fd, &made);
  if (failure) return failure;
  failure = map_object(request, fd, mapping);
  close(fd);
  if (failure && made) shm_unlink(request.name.c_str());
  return failure;
}

Failure unlink_posix_shm(const std::string& name) {
  if (shm_unlink(name.c_str()) != 0) return {errno, "shm_unlink"};
  return {};
}

}  // namespace multiproc::sys
