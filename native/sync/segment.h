// A segment of ours, from its birth without a name to the moment when the last one lets it go.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "sync/header.h"
#include "sys/mapping.h"
#include "sys/shm_file.h"

namespace multiproc::sync {

struct Segment {
  std::shared_ptr<sys::Mapping> mapping;
  uint64_t inode = 0;
  std::string name;   // once it is published
  sys::NewFile file;  // until it is published
  int memory = -1;    // of a sparse one, on kernels that need a descriptor to give parts of it memory

  Segment() = default;
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  ~Segment();

  // By which the file counts as open, as it does by the mapping.
  void close_descriptors();

  uint8_t* data() const { return mapping->data(); }
  uint64_t size() const { return mapping->size(); }
  SegmentHeader* header() const { return reinterpret_cast<SegmentHeader*>(mapping->data()); }
};

// Makes a segment that has no name yet: the caller fills its blocks, then publishes it.
sys::Failure create_segment(SegmentKind kind, uint64_t size, uint32_t creator, const std::string& temporary_name,
                            Segment* segment);

// Makes one whose memory comes piece by piece: `reserved` bytes of it at first.
sys::Failure create_sparse(uint64_t size, uint64_t reserved, uint32_t creator, const std::string& temporary_name,
                           Segment* segment);
sys::Failure reserve_part(Segment* segment, uint64_t offset, uint64_t length);
void discard_part(Segment* segment, uint64_t offset, uint64_t length);

// EEXIST: another process was first; the segment may be given another name.
sys::Failure publish_segment(Segment* segment, const std::string& name);

// Opens and checks a published one. A fault other than `none` comes with no failure. ESTALE: its words name
// participants of a registry that is gone, while others still have it open.
sys::Failure open_segment(const std::string& name, Segment* segment, HeaderFault* fault);

// Whether a file of this name belongs to an anonymous object: after the uid comes a dot.
bool is_anonymous(const std::string& name);

// Whether the file must stay although nobody has it open: for sys::sweep_file.
bool segment_needed(int fd, uint64_t size);

}  // namespace multiproc::sync
