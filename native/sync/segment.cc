// A segment of ours, from its birth without a name to the moment when the last one lets it go.
#include "sync/segment.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

namespace multiproc::sync {

namespace {

// The locks in a segment of another registry may be held by participants that we cannot see. With nobody else there,
// they are gone.
sys::Failure settle_registry(int fd, Segment* segment) {
  if (same_registry(segment->header()->registry, registry()->id)) return {};
  if (!sys::lock_alone(fd)) return {ESTALE, "open"};
  adopt_segment(segment->data(), segment->size());
  sys::lock_shared(fd);
  return {};
}

}  // namespace

sys::Failure create_segment(SegmentKind kind, uint64_t size, uint32_t creator, const std::string& temporary_name,
                            Segment* segment) {
  sys::Failure failure = open_registry();
  if (!failure) failure = sys::create_file(size, temporary_name, &segment->file);
  if (failure) return failure;
  struct stat status;
  failure = sys::Mapping::map(segment->file.fd, size, &segment->mapping);
  if (!failure && fstat(segment->file.fd, &status) == -1) failure = {errno, "fstat"};
  if (failure) {
    sys::close_file(&segment->file);
    return failure;
  }
  segment->inode = static_cast<uint64_t>(status.st_ino);
  init_segment(segment->header(), kind, size, creator);
  return {};
}

sys::Failure publish_segment(Segment* segment, const std::string& name) {
  sys::Failure failure = sys::publish_file(&segment->file, name);
  sys::close_file(&segment->file);
  if (!failure) segment->name = name;
  return failure;
}

sys::Failure open_segment(const std::string& name, Segment* segment, HeaderFault* fault) {
  int fd;
  sys::FileFacts facts;
  *fault = HeaderFault::none;
  sys::Failure failure = open_registry();
  if (!failure) failure = sys::open_file(name, &fd, &facts);
  if (failure) return failure;
  if (facts.size < sizeof(SegmentHeader) + sizeof(BlockHeader)) {
    *fault = HeaderFault::too_small;
  } else {
    failure = sys::Mapping::map(fd, facts.size, &segment->mapping);
    if (!failure) *fault = check_segment(segment->data(), facts.size);
    if (!failure && *fault == HeaderFault::none) failure = settle_registry(fd, segment);
    segment->inode = facts.inode;
    segment->name = name;
  }
  if (failure || *fault != HeaderFault::none) segment->mapping.reset();
  close(fd);
  return failure;
}

bool is_anonymous(const std::string& name) {
  char prefix[64];
  snprintf(prefix, sizeof prefix, "multiproc-%u-%u.", kAbi, geteuid());
  return name.compare(0, strlen(prefix), prefix) == 0;
}

bool segment_needed(int fd, uint64_t size) {
  alignas(SegmentHeader) uint8_t copy[sizeof(SegmentHeader)];
  if (size < sizeof copy || pread(fd, copy, sizeof copy, 0) != static_cast<ssize_t>(sizeof copy)) return false;
  const SegmentHeader* header = reinterpret_cast<const SegmentHeader*>(copy);
  if (header->magic != kSegmentMagic || header->abi != kAbi) return false;
  // A registry that cannot be opened may have living senders. Participants of another one cannot be asked; theirs are
  // gone with it.
  if (open_registry()) return true;
  return same_registry(header->registry, registry()->id) && in_transit(header);
}

}  // namespace multiproc::sync
