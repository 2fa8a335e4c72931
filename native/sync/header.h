// What every segment of ours starts with, and every object in it: copied once and checked before anything is believed.
//
// A segment is a header of 256 bytes and then blocks. A block is one object: a header of 32 bytes and its body, aligned
// to 64 bytes. A named object's segment holds one block, at kFirstBlock; an arena holds many small anonymous ones.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sync/barrier.h"
#include "sync/condition.h"
#include "sync/map.h"
#include "sync/pipe.h"
#include "sync/registry.h"
#include "sync/ring.h"

namespace multiproc::sync {

constexpr uint64_t kSegmentMagic = 0x474553434f52504d;  // "MPROCSEG"
constexpr int kTransits = 16;
constexpr uint32_t kFirstBlock = 256;
constexpr uint32_t kBlockAlignment = 64;

struct SegmentHeader {
  uint64_t magic;
  uint32_t abi;
  uint32_t byte_order;
  uint64_t total_size;
  uint32_t kind;         // SegmentKind
  uint32_t creator;      // participant
  RegistryId registry;   // whose participants the words in it name
  uint32_t creator_pid;  // for people to read
  uint32_t reserved;
  uint64_t created_ms;
  uint8_t room[64];
  // Handles on their way: participant in the upper half, how many in the lower. While the participant lives, the
  // segment counts as open although nobody may have mapped it.
  std::atomic<uint64_t> transits[kTransits];
};
static_assert(sizeof(SegmentHeader) == kFirstBlock, "the segment header is part of the ABI");
static_assert(offsetof(SegmentHeader, registry) == 32 && offsetof(SegmentHeader, transits) == 128, "ABI");

enum class SegmentKind : uint32_t { object = 1, arena = 2, sparse = 3 };

enum class BlockKind : uint32_t {
  none = 0,
  lock = 1,
  rlock = 2,
  semaphore = 3,
  bounded_semaphore = 4,
  value = 5,
  array = 6,
  event = 9,
  condition = 10,
  barrier = 11,
  queue = 16,
  simple_queue = 18,
  pipe = 19,
  joinable_queue = 20,  // 17 was one with another layout
  map = 21,
  rate_limiter = 22,  // a map whose entries are times
};

struct BlockHeader {
  std::atomic<uint32_t> kind;        // BlockKind; stored last when a block is made, first when it is freed
  std::atomic<uint32_t> generation;  // of the block's place in its arena: a stale handle names an older one
  uint32_t type;                     // typecode, a character; 0 where there is none
  uint32_t flags;
  uint64_t length;  // elements, or the initial value of a semaphore
  uint64_t size;    // of the body, in bytes
};
static_assert(sizeof(BlockHeader) == 32, "the block header is part of the ABI");

constexpr uint32_t kRobust = 1;  // flags: the semaphore is a table of permits

// Where a body keeps what; offsets in bytes from the start of the body.
constexpr uint32_t kWordOffset = 0;    // the lock of a lock, of a value, of an array; the count; the bell of permits
constexpr uint32_t kDepthOffset = 4;   // how deep an RLock is held, written by its owner, for people to read
constexpr uint32_t kTableOffset = 16;  // the permits
constexpr uint32_t kDataOffset = 16;   // the elements: a scalar and its lock fill one block of 64 bytes

constexpr uint32_t kBarrierOffset = 0;  // the words of a barrier; its entries follow
constexpr uint32_t kRingOffset = 32;    // the words of a queue, on cache lines of their own

constexpr uint32_t kConditionOffset = 32;  // the words of a condition, beside the lock of its own

enum class HeaderFault {
  none,
  too_small,
  bad_magic,
  other_abi,
  other_byte_order,
  wrong_size,
  bad_kind,
  bad_block,
  not_reserved,
};

const char* describe(HeaderFault fault);

// A block as it was when it was checked. `body` and `size` lie inside the segment.
struct BlockFacts {
  uint32_t kind;
  uint32_t generation;
  uint32_t type;
  uint32_t flags;
  uint64_t length;
  uint64_t body;  // offset in the segment
  uint64_t size;
};

// Both read each field once, so that somebody who writes the header meanwhile cannot make the check and the use differ.
HeaderFault check_segment(const uint8_t* data, uint64_t file_size);
HeaderFault check_block(const uint8_t* data, uint64_t file_size, uint64_t offset, BlockFacts* facts);

void init_segment(SegmentHeader* header, SegmentKind kind, uint64_t total_size, uint32_t creator);

bool same_registry(const RegistryId& one, const RegistryId& other);

// Records that `sender` gave a handle away. False if 16 other living participants did so before it: the sender then
// keeps the segment open itself.
bool begin_transit(SegmentHeader* header, uint32_t sender);

// A receiver has opened the segment: one handle of `sender` less is on its way.
void end_transit(SegmentHeader* header, uint32_t sender);

// Whether a living participant's handle is on its way. `transits` may be a copy.
bool in_transit(const SegmentHeader* header);

// The words in the segment name participants of a registry that is gone: held locks become free and dirty, permits
// free. Precondition: nobody else has the segment open.
void adopt_segment(uint8_t* data, uint64_t file_size);

}  // namespace multiproc::sync
