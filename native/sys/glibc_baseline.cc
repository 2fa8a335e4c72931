// Replacements for symbols that glibc 2.28 does not export.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#ifdef __GLIBC__

// Before glibc 2.33 the stat functions were inline, around these calls, which later versions still export.
extern "C" {
int __fxstat64(int version, int file, struct stat64* result);
int __lxstat64(int version, const char* path, struct stat64* result);
int __xstat64(int version, const char* path, struct stat64* result);
}

namespace {
#ifdef __x86_64__
constexpr int kStatVersion = 1;
#else
constexpr int kStatVersion = 0;
#endif

// Returns false, with errno, where POSIX or glibc would refuse the name.
bool shm_path(const char* name, char (&path)[300]) {
  while (*name == '/') ++name;
  size_t length = std::strlen(name);
  if (length == 0 || length > 255 || std::strchr(name, '/') != nullptr) {
    errno = length > 255 ? ENAMETOOLONG : EINVAL;
    return false;
  }
  std::memcpy(path, "/dev/shm/", 9);
  std::memcpy(path + 9, name, length + 1);
  return true;
}

}  // namespace

#define MULTIPROC_HERE extern "C" __attribute__((visibility("hidden")))

MULTIPROC_HERE int multiproc_fstat(int file, struct stat64* result) __asm__("fstat64");
int multiproc_fstat(int file, struct stat64* result) { return __fxstat64(kStatVersion, file, result); }

MULTIPROC_HERE int multiproc_lstat(const char* path, struct stat64* result) __asm__("lstat64");
int multiproc_lstat(const char* path, struct stat64* result) { return __lxstat64(kStatVersion, path, result); }

MULTIPROC_HERE int multiproc_stat(const char* path, struct stat64* result) __asm__("stat64");
int multiproc_stat(const char* path, struct stat64* result) { return __xstat64(kStatVersion, path, result); }

// Before glibc 2.34 these two are in librt, which Node does not load.
MULTIPROC_HERE int multiproc_shm_open(const char* name, int flags, mode_t mode) __asm__("shm_open");
int multiproc_shm_open(const char* name, int flags, mode_t mode) {
  char path[300];
  return shm_path(name, path) ? open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, mode) : -1;
}

MULTIPROC_HERE int multiproc_shm_unlink(const char* name) __asm__("shm_unlink");
int multiproc_shm_unlink(const char* name) {
  char path[300];
  return shm_path(name, path) ? unlink(path) : -1;
}

// libstdc++ reads this (glibc 2.32) to skip atomics in single-threaded programs, which Node's never are.
MULTIPROC_HERE char multiproc_single_threaded __asm__("__libc_single_threaded");
char multiproc_single_threaded = 0;

#endif
