// A segment of ours, from its birth without a name to the moment when the last one lets it go.
#include "sync/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

namespace multiproc::sync {

namespace {

constexpr int kAdoptRounds = 30;

bool is_sparse(const Segment& segment) { return segment.header()->kind == static_cast<uint32_t>(SegmentKind::sparse); }

sys::Failure create(SegmentKind kind, uint64_t size, uint64_t reserved, uint32_t creator,
                    const std::string& temporary_name, Segment* segment) {
  sys::Failure failure = open_registry();
  if (!failure) failure = sys::create_file(size, reserved, temporary_name, &segment->file);
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

// The locks in a segment of another registry may be held by participants that we cannot see. With nobody else there,
// they are gone. Either way the descriptor has lost its shared lock and has to be opened anew: going back from the
// exclusive one leaves a moment for a sweeper, and asking for it in vain has given up the shared one.
bool settle_registry(int fd, Segment* segment) {
  if (same_registry(segment->header()->registry, registry()->id)) return true;
  if (sys::lock_alone(fd)) adopt_segment(segment->data(), segment->size());
  return false;
}

sys::Failure open_once(const std::string& name, Segment* segment, HeaderFault* fault, bool* settled) {
  int fd;
  sys::FileFacts facts;
  *fault = HeaderFault::none;
  sys::Failure failure = sys::open_file(name, &fd, &facts);
  if (failure) return failure;
  if (facts.size < sizeof(SegmentHeader) + sizeof(BlockHeader)) {
    *fault = HeaderFault::too_small;
  } else {
    failure = sys::Mapping::map(fd, facts.size, &segment->mapping);
    if (!failure) *fault = check_segment(segment->data(), facts.size);
    // Segments are born with their memory. A file with holes could name any number of elements at no cost.
    if (segment->mapping && *fault == HeaderFault::none && !facts.is_backed && !is_sparse(*segment)) {
      *fault = HeaderFault::not_reserved;
    }
    if (!failure && *fault == HeaderFault::none) *settled = settle_registry(fd, segment);
    segment->inode = facts.inode;
    segment->name = name;
  }
  if (failure || *fault != HeaderFault::none || !*settled) segment->mapping.reset();
  if (segment->mapping && is_sparse(*segment) && !sys::can_reserve_mapped()) {
    segment->memory = fd;
  } else {
    close(fd);
  }
  return failure;
}

}  // namespace

sys::Failure create_segment(SegmentKind kind, uint64_t size, uint32_t creator, const std::string& temporary_name,
                            Segment* segment) {
  return create(kind, size, size, creator, temporary_name, segment);
}

sys::Failure create_sparse(uint64_t size, uint64_t reserved, uint32_t creator, const std::string& temporary_name,
                           Segment* segment) {
  sys::Failure failure = create(SegmentKind::sparse, size, reserved, creator, temporary_name, segment);
  if (failure || sys::can_reserve_mapped()) return failure;
  segment->memory = fcntl(segment->file.fd, F_DUPFD_CLOEXEC, 0);
  if (segment->memory != -1) return {};
  failure = {errno, "fcntl"};
  sys::close_file(&segment->file);
  return failure;
}

Segment::~Segment() { close_descriptors(); }

void Segment::close_descriptors() {
  sys::close_file(&file);
  if (memory != -1) close(memory);
  memory = -1;
}

sys::Failure reserve_part(Segment* segment, uint64_t offset, uint64_t length) {
  if (!is_sparse(*segment)) return {EBADF, "posix_fallocate"};
  if (segment->memory != -1) return sys::reserve_range(segment->memory, offset, length);
  return sys::reserve_mapped(segment->data() + offset, length);
}

void discard_part(Segment* segment, uint64_t offset, uint64_t length) {
  if (!is_sparse(*segment)) return;
  if (segment->memory != -1)
    sys::discard_range(segment->memory, offset, length);
  else
    sys::discard_mapped(segment->data() + offset, length);
}

sys::Failure publish_segment(Segment* segment, const std::string& name) {
  sys::Failure failure = sys::publish_file(&segment->file, name);
  if (failure.code != EEXIST) sys::close_file(&segment->file);
  if (!failure) segment->name = name;
  return failure;
}

sys::Failure open_segment(const std::string& name, Segment* segment, HeaderFault* fault) {
  sys::Failure failure = open_registry();
  if (failure) return failure;
  // Those who meet here at the same moment are in each other's way at first, and soon one of them is alone.
  for (int round = 0; round < kAdoptRounds; round++) {
    bool settled = true;
    failure = open_once(name, segment, fault, &settled);
    if (settled) return failure;
    timespec moment = {0, (1 + attached() % 8) * 250'000};
    if (round > 0) nanosleep(&moment, nullptr);
  }
  return {ESTALE, "open"};
}

bool is_anonymous(const std::string& name) {
  char prefix[64];
  snprintf(prefix, sizeof prefix, "multiproc-%u-%u.", kAbi, registry_user());
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
