// Shared memory without a header: raw bytes, which programs in C and Python may share.
#include "sync/raw_memory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace multiproc::sync {

sys::Failure create_raw(uint64_t size, const std::string& temporary_name, Segment* memory) {
  sys::Failure failure = sys::create_file(size, temporary_name, &memory->file);
  if (failure) return failure;
  struct stat status;
  failure = sys::Mapping::map(memory->file.fd, size, &memory->mapping);
  if (!failure && fstat(memory->file.fd, &status) == -1) failure = {errno, "fstat"};
  if (failure) {
    sys::close_file(&memory->file);
    return failure;
  }
  memory->inode = static_cast<uint64_t>(status.st_ino);
  return {};
}

sys::Failure open_raw(const std::string& name, uint64_t most, uint64_t size_if_empty, Segment* memory) {
  int fd;
  sys::FileFacts facts;
  // Those of ours are held by a lock, which keeps sweepers off; others are whatever their makers wanted them to be.
  sys::Failure failure = is_anonymous(name) ? sys::open_file(name, &fd, &facts) : sys::open_any_file(name, &fd, &facts);
  if (failure) return failure;
  if (facts.size == 0 && size_if_empty == 0) failure = {ENODATA, "open"};
  if (facts.size == 0 && size_if_empty != 0) {
    failure = sys::reserve_file(fd, size_if_empty);
    facts.size = size_if_empty;
  }
  if (!failure && facts.size > most) failure = {EFBIG, "open"};
  if (!failure) failure = sys::Mapping::map(fd, facts.size, &memory->mapping);
  memory->inode = facts.inode;
  memory->name = name;
  close(fd);
  return failure;
}

}  // namespace multiproc::sync
