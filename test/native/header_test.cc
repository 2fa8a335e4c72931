// Headers: each wrong field has a fault of its own, nothing outside the segment is ever believed, and the layout is
// fixed.
#include "sync/header.h"

#include <cstring>

#include "check.h"
#include "sync/permits.h"

using namespace multiproc;
using namespace multiproc::sync;

namespace {

constexpr uint64_t kSize = 8192;

struct Image {
  alignas(64) uint8_t bytes[kSize] = {};
  SegmentHeader* header() { return reinterpret_cast<SegmentHeader*>(bytes); }
  BlockHeader* block(uint64_t offset = kFirstBlock) { return reinterpret_cast<BlockHeader*>(bytes + offset); }
  HeaderFault check() { return check_segment(bytes, kSize); }
  HeaderFault check_at(uint64_t offset, BlockFacts* facts) { return check_block(bytes, kSize, offset, facts); }
};

void make(Image* image, BlockKind kind, uint32_t flags = 0, uint64_t length = 1, uint64_t size = 1024) {
  uint32_t owner = 0;
  CHECK_EQUAL(attach(&owner).code, 0);
  init_segment(image->header(), SegmentKind::object, kSize, owner);
  BlockHeader* block = image->block();
  block->flags = flags;
  block->length = length;
  block->size = size;
  block->kind.store(static_cast<uint32_t>(kind));
}

#define CHECK_FAULT(got, wanted) CHECK_EQUAL(static_cast<int>(got), static_cast<int>(HeaderFault::wanted))

}  // namespace

TEST("the layout is the documented one, byte by byte") {
  Image image;
  make(&image, BlockKind::lock);
  const uint8_t start[] = {'M', 'P', 'R', 'O',  'C', 'S', 'E', 'G', 1, 0, 0, 0, 4, 3,
                           2,   1,   0,   0x20, 0,   0,   0,   0,   0, 0, 1, 0, 0, 0};
  CHECK(memcmp(image.bytes, start, sizeof start) == 0);
  CHECK_EQUAL(*reinterpret_cast<uint32_t*>(image.bytes + 28), attached());
  CHECK(memcmp(image.bytes + 32, registry()->id.bytes, 16) == 0);
  CHECK_EQUAL(image.header()->creator_pid, static_cast<uint32_t>(getpid()));
  CHECK_EQUAL(sizeof(SegmentHeader), 256u);
  CHECK_EQUAL(sizeof(BlockHeader), 32u);
}

TEST("each wrong field of a segment has its own fault and its own words") {
  Image good;
  make(&good, BlockKind::lock);
  CHECK_FAULT(good.check(), none);
  struct Case {
    HeaderFault fault;
    void (*spoil)(SegmentHeader*);
  } cases[] = {
      {HeaderFault::bad_magic, [](SegmentHeader* header) { header->magic ^= 1; }},
      {HeaderFault::bad_magic, [](SegmentHeader* header) { header->magic = 0; }},
      {HeaderFault::other_byte_order, [](SegmentHeader* header) { header->byte_order = 0x04030201; }},
      {HeaderFault::other_abi, [](SegmentHeader* header) { header->abi++; }},
      {HeaderFault::wrong_size, [](SegmentHeader* header) { header->total_size--; }},
      {HeaderFault::wrong_size, [](SegmentHeader* header) { header->total_size = UINT64_MAX; }},
      {HeaderFault::bad_kind, [](SegmentHeader* header) { header->kind = 0; }},
      {HeaderFault::bad_kind, [](SegmentHeader* header) { header->kind = 4; }},
  };
  for (auto& one : cases) {
    Image image = good;
    one.spoil(image.header());
    CHECK_EQUAL(static_cast<int>(image.check()), static_cast<int>(one.fault));
    CHECK(strlen(describe(one.fault)) > 10);
  }
  for (uint64_t size : {0, 1, 255, 256, 287}) CHECK_FAULT(check_segment(good.bytes, size), too_small);
  CHECK_FAULT(check_segment(good.bytes, kSize - 1), wrong_size);
}

TEST("a block is believed only where all of it lies inside the segment") {
  Image image;
  make(&image, BlockKind::lock);
  BlockFacts facts;
  CHECK_FAULT(image.check_at(kFirstBlock, &facts), none);
  CHECK_EQUAL(facts.body, kFirstBlock + sizeof(BlockHeader));
  CHECK_EQUAL(facts.size, 1024u);
  for (uint64_t offset : {uint64_t{0}, uint64_t{64}, uint64_t{192}, uint64_t{255}, uint64_t{257}, uint64_t{288}, kSize,
                          kSize + 64, kSize - 16, UINT64_MAX, UINT64_MAX - 63, UINT64_MAX - 31, uint64_t{1} << 63}) {
    CHECK_FAULT(image.check_at(offset, &facts), bad_block);
  }
  uint64_t room = kSize - kFirstBlock - sizeof(BlockHeader);
  for (uint64_t size : {uint64_t{0}, uint64_t{7}, room + 1, UINT64_MAX, UINT64_MAX - 7, uint64_t{1} << 63}) {
    image.block()->size = size;
    CHECK_FAULT(image.check_at(kFirstBlock, &facts), bad_block);
  }
  image.block()->size = room;
  CHECK_FAULT(image.check_at(kFirstBlock, &facts), none);
  BlockHeader* last = image.block(kSize - 64);
  last->size = 32;
  last->kind.store(static_cast<uint32_t>(BlockKind::lock));
  CHECK_FAULT(image.check_at(kSize - 64, &facts), none);
  last->size = 33;
  CHECK_FAULT(image.check_at(kSize - 64, &facts), bad_block);
}

TEST("each kind has the room that it needs") {
  struct Case {
    BlockKind kind;
    uint32_t flags;
    uint64_t length, size;
    bool good;
  } cases[] = {
      {BlockKind::none, 0, 1, 64, false},
      {static_cast<BlockKind>(7), 0, 1, 64, false},
      {static_cast<BlockKind>(UINT32_MAX), 0, 1, 64, false},
      {BlockKind::rlock, 0, 0, 8, true},
      {BlockKind::semaphore, 0, 0x7fffffff, 8, true},
      {BlockKind::semaphore, 0, 0x80000000, 8, false},
      {BlockKind::bounded_semaphore, kRobust, 0, 64, false},
      {BlockKind::bounded_semaphore, kRobust, 12, 64, true},
      {BlockKind::bounded_semaphore, kRobust, 13, 64, false},
      {BlockKind::semaphore, kRobust, kMaxRobustPermits + 1ull, 64, false},
      {BlockKind::semaphore, kRobust, UINT64_MAX / 4, 64, false},
      {BlockKind::semaphore, kRobust, (UINT64_MAX - 16) / 4 + 2, 64, false},
      {BlockKind::value, 0, 1, 16, true},
      {BlockKind::value, 0, 1, 15, false},
      {BlockKind::array, 0, 64, 64, true},
      {BlockKind::array, 0, UINT64_MAX, 64, false},
      {BlockKind::queue, 0, 0, 32 + sizeof(RingWords), true},
      {BlockKind::pipe, 0, 0, 31 + sizeof(RingWords), false},
  };
  for (auto& one : cases) {
    Image image;
    make(&image, one.kind, one.flags, one.length, one.size);
    BlockFacts facts;
    CHECK_EQUAL(image.check_at(kFirstBlock, &facts) == HeaderFault::none, one.good);
  }
}

TEST("adopting sets held words free: locks dirty, permits free, a plain count untouched") {
  uint32_t stranger = owner_id(77, 77);
  Image image;
  auto body = [&](uint32_t offset) {
    return reinterpret_cast<Word*>(image.bytes + kFirstBlock + sizeof(BlockHeader) + offset);
  };
  for (BlockKind kind : {BlockKind::lock, BlockKind::rlock, BlockKind::value, BlockKind::array}) {
    make(&image, kind);
    body(kWordOffset)->store(stranger | kContended);
    adopt_segment(image.bytes, kSize);
    CHECK_EQUAL(body(kWordOffset)->load(), kDirty);
    adopt_segment(image.bytes, kSize);
    CHECK_EQUAL(body(kWordOffset)->load(), kDirty);
    body(kWordOffset)->store(0);
    adopt_segment(image.bytes, kSize);
    CHECK_EQUAL(body(kWordOffset)->load(), 0u);
  }
  make(&image, BlockKind::semaphore, kRobust, 3);
  for (uint32_t i = 0; i < 4; i++) body(kTableOffset + 4 * i)->store(stranger);
  adopt_segment(image.bytes, kSize);
  for (uint32_t i = 0; i < 3; i++) CHECK_EQUAL(body(kTableOffset + 4 * i)->load(), 0u);
  CHECK_EQUAL(body(kTableOffset + 12)->load(), stranger);
  make(&image, BlockKind::semaphore, 0, 3);
  body(kWordOffset)->store(3);
  image.header()->transits[5].store(UINT64_MAX);
  image.header()->registry = {};
  adopt_segment(image.bytes, kSize);
  CHECK_EQUAL(body(kWordOffset)->load() & 0x7fffffffu, 3u);
  CHECK_EQUAL(image.header()->transits[5].load(), 0u);
  CHECK(same_registry(image.header()->registry, registry()->id));
}

int main(int argc, char** argv) { return check::main(argc, argv); }
