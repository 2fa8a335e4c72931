// What every segment of ours starts with, and every object in it: copied once and checked before anything is believed.
#include "sync/header.h"

#include <time.h>
#include <unistd.h>

#include <cstring>

#include "sync/owner.h"
#include "sync/permits.h"

namespace multiproc::sync {

namespace {

// Volatile: the compiler must not read a field twice.
template <typename T>
T read_once(const T& field) {
  return *const_cast<const volatile T*>(&field);
}

const SegmentHeader* header_of(const uint8_t* data) { return reinterpret_cast<const SegmentHeader*>(data); }

uint64_t record(uint32_t participant, uint32_t count) { return static_cast<uint64_t>(participant) << 32 | count; }
uint32_t sender_of(uint64_t record) { return static_cast<uint32_t>(record >> 32); }
uint32_t count_of(uint64_t record) { return static_cast<uint32_t>(record); }
bool alive(uint64_t record) { return count_of(record) != 0 && sender_of(record) != 0 && !is_dead(sender_of(record)); }

}  // namespace

const char* describe(HeaderFault fault) {
  switch (fault) {
    case HeaderFault::none:
      return "nothing is wrong";
    case HeaderFault::too_small:
      return "it is too small for a header";
    case HeaderFault::bad_magic:
      return "it does not start with the magic number of this package";
    case HeaderFault::other_abi:
      return "another version of this package, with another layout, made it";
    case HeaderFault::other_byte_order:
      return "a machine of another byte order made it";
    case HeaderFault::wrong_size:
      return "its header and the file differ about its size";
    case HeaderFault::bad_kind:
      return "its kind is unknown";
    case HeaderFault::not_reserved:
      return "its memory is not reserved: the file has holes";
    case HeaderFault::bad_block:
      return "the object in it has an impossible kind, place or size";
  }
  return "it is damaged";
}

HeaderFault check_segment(const uint8_t* data, uint64_t file_size) {
  if (file_size < sizeof(SegmentHeader) + sizeof(BlockHeader)) return HeaderFault::too_small;
  const SegmentHeader* header = header_of(data);
  if (read_once(header->magic) != kSegmentMagic) return HeaderFault::bad_magic;
  if (read_once(header->byte_order) != kByteOrder) return HeaderFault::other_byte_order;
  if (read_once(header->abi) != kAbi) return HeaderFault::other_abi;
  if (read_once(header->total_size) != file_size) return HeaderFault::wrong_size;
  uint32_t kind = read_once(header->kind);
  if (kind < static_cast<uint32_t>(SegmentKind::object) || kind > static_cast<uint32_t>(SegmentKind::sparse)) {
    return HeaderFault::bad_kind;
  }
  return HeaderFault::none;
}

HeaderFault check_block(const uint8_t* data, uint64_t file_size, uint64_t offset, BlockFacts* facts) {
  if (offset < kFirstBlock || offset % kBlockAlignment != 0) return HeaderFault::bad_block;
  if (file_size < sizeof(BlockHeader) || offset > file_size - sizeof(BlockHeader)) return HeaderFault::bad_block;
  const BlockHeader* block = reinterpret_cast<const BlockHeader*>(data + offset);
  facts->kind = block->kind.load(std::memory_order_acquire);
  facts->generation = block->generation.load(std::memory_order_relaxed);
  facts->type = read_once(block->type);
  facts->flags = read_once(block->flags);
  facts->length = read_once(block->length);
  facts->size = read_once(block->size);
  facts->body = offset + sizeof(BlockHeader);
  if (facts->size < 8 || facts->size > file_size - facts->body) return HeaderFault::bad_block;
  switch (static_cast<BlockKind>(facts->kind)) {
    case BlockKind::lock:
    case BlockKind::rlock:
    case BlockKind::event:
      return HeaderFault::none;
    case BlockKind::semaphore:
    case BlockKind::bounded_semaphore:
      if ((facts->flags & kRobust) == 0)
        return facts->length <= 0x7fffffff ? HeaderFault::none : HeaderFault::bad_block;
      if (facts->length == 0 || facts->length > kMaxRobustPermits) return HeaderFault::bad_block;
      return facts->size >= kTableOffset + 4 * facts->length ? HeaderFault::none : HeaderFault::bad_block;
    case BlockKind::value:
    case BlockKind::array:
      return facts->size >= kDataOffset && facts->length <= facts->size ? HeaderFault::none : HeaderFault::bad_block;
    case BlockKind::condition:
      return facts->size >= kConditionOffset + sizeof(ConditionWords) ? HeaderFault::none : HeaderFault::bad_block;
    case BlockKind::barrier:
      if (facts->length == 0 || facts->length > kMaxParties) return HeaderFault::bad_block;
      return facts->size >= sizeof(BarrierWords) + barrier_entries_size(facts->length) ? HeaderFault::none
                                                                                       : HeaderFault::bad_block;
    case BlockKind::queue:
    case BlockKind::joinable_queue:
    case BlockKind::simple_queue:
      return facts->size >= kRingOffset + sizeof(RingWords) && offset == kFirstBlock ? HeaderFault::none
                                                                                     : HeaderFault::bad_block;
    case BlockKind::pipe:
      return facts->size >= kPipeOffset + pipe_size(facts->flags == 0 ? 1 : 2) ? HeaderFault::none
                                                                               : HeaderFault::bad_block;
    case BlockKind::map:
    case BlockKind::rate_limiter:
      return facts->size >= kMapSize && offset == kFirstBlock ? HeaderFault::none : HeaderFault::bad_block;
    case BlockKind::none:
      break;
  }
  return HeaderFault::bad_block;
}

void init_segment(SegmentHeader* header, SegmentKind kind, uint64_t total_size, uint32_t creator) {
  header->magic = kSegmentMagic;
  header->abi = kAbi;
  header->byte_order = kByteOrder;
  header->total_size = total_size;
  header->kind = static_cast<uint32_t>(kind);
  header->creator = creator;
  header->registry = registry()->id;
  header->creator_pid = static_cast<uint32_t>(getpid());
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  header->created_ms = now.tv_sec * 1000ULL + now.tv_nsec / 1'000'000;
}

bool same_registry(const RegistryId& one, const RegistryId& other) {
  return memcmp(one.bytes, other.bytes, sizeof one.bytes) == 0;
}

bool begin_transit(SegmentHeader* header, uint32_t sender) {
  for (auto& transit : header->transits) {
    uint64_t seen = transit.load(std::memory_order_acquire);
    while (sender_of(seen) == sender && count_of(seen) != 0 && count_of(seen) != UINT32_MAX) {
      if (transit.compare_exchange_weak(seen, seen + 1)) return true;
    }
  }
  for (auto& transit : header->transits) {
    uint64_t seen = transit.load(std::memory_order_acquire);
    while (!alive(seen)) {
      if (transit.compare_exchange_weak(seen, record(sender, 1))) return true;
    }
  }
  return false;
}

void end_transit(SegmentHeader* header, uint32_t sender) {
  for (auto& transit : header->transits) {
    uint64_t seen = transit.load(std::memory_order_acquire);
    while (sender_of(seen) == sender && count_of(seen) != 0) {
      uint64_t less = count_of(seen) == 1 ? 0 : seen - 1;
      if (transit.compare_exchange_weak(seen, less)) return;
    }
  }
}

bool in_transit(const SegmentHeader* header) {
  for (const auto& transit : header->transits) {
    if (alive(transit.load(std::memory_order_acquire))) return true;
  }
  return false;
}

void adopt_segment(uint8_t* data, uint64_t file_size) {
  SegmentHeader* header = reinterpret_cast<SegmentHeader*>(data);
  for (auto& transit : header->transits) transit.store(0);
  BlockFacts facts;
  if (check_block(data, file_size, kFirstBlock, &facts) == HeaderFault::none) {
    Word* word = reinterpret_cast<Word*>(data + facts.body + kWordOffset);
    if (facts.kind >= static_cast<uint32_t>(BlockKind::queue) &&
        facts.kind <= static_cast<uint32_t>(BlockKind::simple_queue)) {
      RingWords* ring = reinterpret_cast<RingWords*>(data + facts.body + kRingOffset);
      ring->put.lock.store(kDirty);
      ring->get.lock.store(kDirty);
      header->registry = registry()->id;
      return;
    }
    if (facts.kind == static_cast<uint32_t>(BlockKind::map) ||
        facts.kind == static_cast<uint32_t>(BlockKind::rate_limiter)) {
      map_adopt(data);
      header->registry = registry()->id;
      return;
    }
    bool counts = facts.kind == static_cast<uint32_t>(BlockKind::semaphore) ||
                  facts.kind == static_cast<uint32_t>(BlockKind::bounded_semaphore);
    if (counts && (facts.flags & kRobust) != 0) {
      Word* table = reinterpret_cast<Word*>(data + facts.body + kTableOffset);
      for (uint64_t i = 0; i < facts.length; i++) table[i].store(0);
    } else if (facts.kind == static_cast<uint32_t>(BlockKind::barrier)) {
      BarrierWords* words = reinterpret_cast<BarrierWords*>(data + facts.body + kBarrierOffset);
      words->state.store(0);
      words->room.store(0);
      memset(data + facts.body + sizeof(BarrierWords), 0, facts.size - sizeof(BarrierWords));
    } else if (!counts && facts.kind != static_cast<uint32_t>(BlockKind::event)) {
      uint32_t seen = word->load();
      word->store((seen & kOwnerMask) != 0 ? kDirty : seen & kDirty);
      if (facts.kind == static_cast<uint32_t>(BlockKind::condition)) {
        memset(data + facts.body + kConditionOffset, 0, sizeof(ConditionWords));
      }
      if (facts.kind == static_cast<uint32_t>(BlockKind::pipe)) {
        pipe_adopt(data + facts.body + kPipeOffset, facts.flags == 0 ? 1 : 2);
      }
    }
  }
  header->registry = registry()->id;
}

}  // namespace multiproc::sync
