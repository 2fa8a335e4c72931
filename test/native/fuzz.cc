// The header fuzzer: damaged segments, blocks and registries are answered by a fault that has a name, never by a crash.
//
//   fuzz                         1,000,000 cases
//   fuzz cases=N seed=N          others; the seed of a run is printed, and the same seed gives the same cases
//
// Build it with the address and undefined behaviour sanitizers (`test-native.js run fuzz --flavour address` does). A
// case is a whole segment with any kind of object, good at first, with some bytes changed in the ways in which bytes go
// wrong: bits, runs, whole fields set to extreme values, another file's bytes. What is checked:
//
//   memory   the checks on a buffer that ends where the segment ends (a read beyond it is found), also adopting it
//   file     the segment as a file: opened, swept, and its transits counted; also cut short or made longer
//   racing   the same while another thread changes the header all the time; what was checked must be what is used
//   registry a damaged registry file, opened and attached to by a process of its own
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <thread>

#include "check.h"
#include "sync/lock.h"
#include "sync/permits.h"
#include "sync/segment.h"

using namespace multiproc;
using namespace multiproc::sync;

namespace {

constexpr uint64_t kExtremes[] = {0,
                                  1,
                                  2,
                                  7,
                                  8,
                                  31,
                                  32,
                                  255,
                                  256,
                                  287,
                                  288,
                                  289,
                                  4095,
                                  4096,
                                  4097,
                                  0x7fffffff,
                                  0x80000000,
                                  0xffffffff,
                                  0x100000000,
                                  INT64_MAX,
                                  UINT64_MAX,
                                  UINT64_MAX - 7,
                                  UINT64_MAX - 31,
                                  UINT64_MAX / 4,
                                  uint64_t{1} << 63,
                                  kMaxRobustPermits,
                                  kMaxRobustPermits + 1};

constexpr uint32_t kPipeKind = static_cast<uint32_t>(BlockKind::pipe);
constexpr uint32_t kKinds[] = {1, 2, 3, 4, 5, 6, 9, 10, 11, 16, 17, 18, kPipeKind};

struct Counts {
  uint64_t cases = 0, good = 0, faults[8] = {}, codes = 0, racing = 0, files = 0, registries = 0;
};

class Fuzzer {
 public:
  Fuzzer(uint32_t seed, uint32_t id) : random_(seed), name_(check::name("fuzz" + std::to_string(id))) {}

  // Any size from nothing to a few pages, with one block or an arena's several.
  std::vector<uint8_t> good_image() {
    uint32_t kind = kKinds[pick(std::size(kKinds))];
    uint64_t size = 288 + pick(40) * 64;
    // A pipe's words are large: most cases keep to what is small.
    if (kind == kPipeKind && pick(16) == 0) size = 288 + kPipeOffset + pipe_size(1 + pick(2));
    std::vector<uint8_t> bytes(size);
    SegmentHeader* header = reinterpret_cast<SegmentHeader*>(bytes.data());
    bool arena = pick(3) == 0;
    init_segment(header, arena ? SegmentKind::arena : SegmentKind::object, size, attached());
    for (uint64_t offset = kFirstBlock; offset + 64 <= size; offset += 64 + pick(4) * 64) {
      fill_block(bytes.data() + offset, size - offset - sizeof(BlockHeader), kind);
      if (!arena) break;
      kind = kKinds[pick(std::size(kKinds))];
    }
    if (pick(2) == 0) begin_transit(header, attached());
    return bytes;
  }

  // One case in memory. The buffer has no spare byte: a look beyond it is an error that the sanitizer reports.
  void memory_case(Counts* counts) {
    std::vector<uint8_t> bytes = good_image();
    mutate(&bytes, bytes.size());
    uint64_t size = pick(8) == 0 ? pick(static_cast<uint32_t>(bytes.size()) + 1) : bytes.size();
    // Aligned as a block is, and not a byte longer than the segment.
    void* memory = nullptr;
    if (posix_memalign(&memory, 64, std::max<uint64_t>(size, 1)) != 0) abort();
    std::unique_ptr<uint8_t[], decltype(&free)> buffer(static_cast<uint8_t*>(memory), &free);
    uint8_t* data = buffer.get();
    memcpy(data, bytes.data(), size);
    note(counts, check_segment(data, size));
    check_blocks(data, size, counts);
    if (size >= sizeof(SegmentHeader) + sizeof(BlockHeader)) {
      adopt_segment(data, size);
      SegmentHeader* header = reinterpret_cast<SegmentHeader*>(data);
      begin_transit(header, attached());
      in_transit(header);
      end_transit(header, attached());
    }
  }

  void file_case(Counts* counts) {
    std::vector<uint8_t> bytes = good_image();
    mutate(&bytes, pick(2) == 0 ? sizeof(SegmentHeader) : bytes.size());
    uint32_t how = pick(6);
    if (how == 0) bytes.resize(pick(static_cast<uint32_t>(bytes.size()) + 1));
    if (how == 1) bytes.resize(bytes.size() + pick(5000));
    write_file(bytes);
    // With somebody else there, a wrong registry id means ESTALE; alone one adopts the segment.
    int other = -1;
    sys::FileFacts facts;
    if (pick(20) == 0 && sys::open_file(name_, &other, &facts)) abort();
    Segment segment;
    open_case(&segment, counts);
    if (other != -1) close(other);
    // Another size after the name is there, before the next one opens it.
    if (how == 2 && truncate(sys::file_path(name_).c_str(), pick(6000)) != 0) abort();
    Segment again;
    segment.mapping.reset();
    open_case(&again, counts);
    again.mapping.reset();
    sys::sweep_file(name_, segment_needed);
    sys::unlink_file(name_);
    counts->files++;
  }

  // Opens and checks the same file over and over while a thread writes into its header.
  void racing_cases(uint64_t rounds, Counts* counts) {
    std::vector<uint8_t> bytes = good_image();
    bytes.resize(4096);
    SegmentHeader* header = reinterpret_cast<SegmentHeader*>(bytes.data());
    header->total_size = bytes.size();
    std::vector<uint8_t> good = bytes;
    write_file(bytes);
    int fd = open(sys::file_path(name_).c_str(), O_RDWR);
    uint8_t* shared = static_cast<uint8_t*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    close(fd);
    sys::FileFacts facts;
    fd = -1;
    if (pick(20) == 0 && sys::open_file(name_, &fd, &facts)) abort();
    std::atomic<bool> end{false};
    std::thread writer([&, seed = random_()] {
      std::mt19937_64 random(seed);
      while (!end) {
        // Mostly good again at once, so that many attempts come through the first checks.
        uint64_t at = random() % 512 & ~7ull;
        volatile uint64_t* field = reinterpret_cast<uint64_t*>(shared + at);
        uint64_t usual;
        memcpy(&usual, good.data() + at, sizeof usual);
        *field = random() % 2 == 0 ? kExtremes[random() % std::size(kExtremes)] : random();
        // Both states have to last, or nobody would ever see the first.
        for (uint64_t i = random() % 256; i > 0; i--) asm volatile("" ::: "memory");
        *field = usual;
      }
    });
    for (uint64_t round = 0; round < rounds; round++) {
      Segment segment;
      open_case(&segment, counts);
      counts->racing++;
    }
    end = true;
    writer.join();
    if (fd != -1) close(fd);
    munmap(shared, 4096);
    sys::unlink_file(name_);
  }

  // In a process of its own, since a process keeps its registry for ever. Good answers are an attached participant or a
  // failure with a name; anything else ends the child otherwise than with code 0.
  void registry_case(Counts* counts) {
    std::vector<uint8_t> bytes(sizeof(Registry));
    memcpy(bytes.data(), registry(), 256 + 64 * sizeof(Slot));
    uint32_t how = pick(4);
    // The mutexes belong to the C library, which trusts them. What is ours is checked.
    for (uint32_t i = 0; i <= pick(3); i++) {
      uint64_t at = how == 0 ? pick(48) : how == 1 ? 96 + pick(160) : 256 + pick(64) * 128 + 48 + pick(80);
      bytes[at] = pick(2) == 0 ? static_cast<uint8_t>(random_()) : 0xff;
    }
    if (how == 3) bytes.resize(pick(2) == 0 ? pick(300) : bytes.size() - 1 - pick(4096));
    std::string space = std::string(getenv("MULTIPROC_NAMESPACE")) + "-damaged";
    std::string file = registry_name() + "-damaged";
    pid_t pid = fork();
    if (pid == 0) {
      // The name was fixed at the first use, so that only another program can have another one.
      std::string path = sys::file_path(file);
      int fd = open(path.c_str(), O_CREAT | O_TRUNC | O_RDWR, 0600);
      if (fd == -1 || write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) _exit(3);
      close(fd);
      setenv("MULTIPROC_NAMESPACE", space.c_str(), 1);
      execl("/proc/self/exe", "fuzz", "attach", nullptr);
      _exit(127);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    if (status != 0)
      check::fail(__FILE__, __LINE__, "attaching to a damaged registry ended with status " + std::to_string(status));
    sys::unlink_file(file);
    counts->registries++;
    counts->cases++;
  }

 private:
  uint32_t pick(uint32_t below) { return static_cast<uint32_t>(random_() % below); }

  void fill_block(uint8_t* place, uint64_t room, uint32_t kind) {
    BlockHeader* block = reinterpret_cast<BlockHeader*>(place);
    block->generation = 1;
    block->type = "bBhHiIlLqQfdc"[pick(13)];
    bool semaphore = kind == 3 || kind == 4;
    block->flags = semaphore && pick(2) == 0 ? kRobust : 0;
    block->size = std::min<uint64_t>(room, 32 + pick(200));
    block->length = block->flags != 0 ? 1 + pick(static_cast<uint32_t>(block->size - kTableOffset) / 4) : 1;
    if (is_ring(kind) || kind == kPipeKind) {
      block->size = room;
      block->flags = kind == kPipeKind && room >= kPipeOffset + pipe_size(2);
      for (uint64_t i = 0; i < 16 && room >= kRingOffset + 1024; i++) {
        place[sizeof *block + kRingOffset + pick(512)] = static_cast<uint8_t>(random_());
      }
    }
    block->kind = kind;
  }

  void mutate(std::vector<uint8_t>* bytes, uint64_t within) {
    for (uint32_t i = 0, count = 1 + pick(4); i < count; i++) {
      // Half of the changes hit the two headers, where the decisions are.
      uint64_t reach = std::min<uint64_t>(pick(2) == 0 ? 288 : within, bytes->size());
      uint64_t at = pick(static_cast<uint32_t>(reach));
      switch (pick(6)) {
        case 0:
          (*bytes)[at] ^= static_cast<uint8_t>(1u << pick(8));
          break;
        case 1:
          (*bytes)[at] = static_cast<uint8_t>(random_());
          break;
        case 2:
          for (uint64_t j = at; j < std::min<uint64_t>(at + 1 + pick(64), bytes->size()); j++) {
            (*bytes)[j] = static_cast<uint8_t>(random_());
          }
          break;
        case 3:
          put(bytes, at & ~7ull, kExtremes[pick(std::size(kExtremes))], 8);
          break;
        case 4:
          put(bytes, at & ~3ull, kExtremes[pick(std::size(kExtremes))], 4);
          break;
        case 5: {
          uint64_t from = pick(static_cast<uint32_t>(bytes->size()));
          uint64_t length = std::min<uint64_t>({pick(64), bytes->size() - from, bytes->size() - at});
          memmove(bytes->data() + at, bytes->data() + from, length);
          break;
        }
      }
    }
  }

  static void put(std::vector<uint8_t>* bytes, uint64_t at, uint64_t value, uint64_t size) {
    if (at + size <= bytes->size()) memcpy(bytes->data() + at, &value, size);
  }

  void note(Counts* counts, HeaderFault fault) {
    counts->cases++;
    uint32_t index = static_cast<uint32_t>(fault);
    if (index >= std::size(counts->faults) || strlen(describe(fault)) < 10) abort();
    counts->faults[index]++;
    if (fault == HeaderFault::none) counts->good++;
  }

  void check_blocks(const uint8_t* data, uint64_t size, Counts* counts) {
    uint64_t offsets[] = {kFirstBlock, kFirstBlock + uint64_t{64} * pick(40), random_(),
                          kExtremes[pick(std::size(kExtremes))]};
    for (uint64_t offset : offsets) {
      BlockFacts facts;
      if (size < sizeof(SegmentHeader) + sizeof(BlockHeader)) break;
      HeaderFault fault = check_block(data, size, offset, &facts);
      if (fault == HeaderFault::none) {
        use(const_cast<uint8_t*>(data), size, facts);
      } else {
        counts->faults[static_cast<uint32_t>(fault)]++;
      }
    }
    counts->cases++;
  }

  // Does with a block that was found good what its object does.
  void use(uint8_t* data, uint64_t size, const BlockFacts& facts) {
    if (facts.body + facts.size > size || facts.body < kFirstBlock) abort();
    Word* word = reinterpret_cast<Word*>(data + facts.body + kWordOffset);
    sys::FutexSet set;
    BlockKind kind = static_cast<BlockKind>(facts.kind);
    if (kind == BlockKind::semaphore || kind == BlockKind::bounded_semaphore) {
      if ((facts.flags & kRobust) == 0) return;
      Permits permits = {word, reinterpret_cast<Word*>(data + facts.body + kTableOffset),
                         static_cast<uint32_t>(facts.length)};
      permits_free(permits);
      int32_t index = permits_attempt(permits, attached(), false, &set);
      if (index != kNoPermit) permits_release(permits, attached(), static_cast<uint32_t>(index));
    } else if (is_ring(facts.kind)) {
      use_ring(*reinterpret_cast<RingWords*>(data + facts.body + kRingOffset));
    } else if (kind == BlockKind::pipe) {
      use_pipe(data + facts.body + kPipeOffset, facts.flags != 0);
    } else {
      if (lock_attempt(*word, attached(), false, &set)) lock_release(*word);
    }
  }

  static bool is_ring(uint32_t kind) {
    return kind >= static_cast<uint32_t>(BlockKind::queue) && kind <= static_cast<uint32_t>(BlockKind::simple_queue);
  }

  void use_ring(RingWords& ring) {
    sys::FutexSet set;
    for (RingWait wait : {RingWait::items, RingWait::taken, RingWait::done}) {
      ring_attempt(ring, wait, static_cast<uint32_t>(random_()), pick(2) == 0, &set);
    }
  }

  // Heads, tails, holders and pieces are then whatever they may be: each call has to answer all the same.
  void use_pipe(uint8_t* words, bool duplex) {
    uint8_t bytes[64] = {};
    uint64_t size = 0, got = 0, sent = 0;
    sys::FutexSet set;
    PipeEnd end = PipeEnd::of(words, pick(2) | (duplex ? 2 : 0));
    pipe_enter(end, attached());
    pipe_put(end, attached(), bytes, pick(sizeof bytes), &sent);
    pipe_abandon(end, attached());
    pipe_skip(end, attached());
    if (pipe_take(end, attached(), UINT64_MAX, bytes, sizeof bytes, &size) == PipeTake::first) {
      pipe_continue(end, attached(), bytes, sizeof bytes, size, &got);
      pipe_drop(end, attached());
    }
    pipe_readable(end, attached(), &set);
    pipe_writable(end, attached(), pick(1000), &set);
    pipe_leave(end, attached());
  }

  void write_file(const std::vector<uint8_t>& bytes) {
    int fd = open(sys::file_path(name_).c_str(), O_CREAT | O_TRUNC | O_RDWR, 0600);
    if (fd == -1 || write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) abort();
    close(fd);
  }

  void open_case(Segment* segment, Counts* counts) {
    HeaderFault fault;
    sys::Failure failure = open_segment(name_, segment, &fault);
    if (failure) {
      counts->cases++;
      counts->codes++;
      if (failure.code != ESTALE && failure.code != ENOENT) abort();
      if (segment->mapping != nullptr) abort();
      return;
    }
    note(counts, fault);
    if ((fault == HeaderFault::none) != (segment->mapping != nullptr)) abort();
    if (segment->mapping == nullptr) return;
    BlockFacts facts;
    for (uint64_t offset : {uint64_t{kFirstBlock}, kFirstBlock + uint64_t{64} * pick(40)}) {
      if (check_block(segment->data(), segment->size(), offset, &facts) == HeaderFault::none) {
        use(segment->data(), segment->size(), facts);
      }
    }
  }

  std::mt19937_64 random_;
  const std::string name_;
};

int attach_once() {
  alarm(60);
  uint32_t owner = 0;
  sys::Failure failure = attach(&owner);
  if (failure) return failure.code == EPROTO || failure.code == EUSERS ? 0 : 4;
  for (uint32_t slot = 0; slot < 64; slot++) is_dead(owner_id(slot, 1));
  return is_dead(owner) ? 5 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "attach") == 0) return attach_once();
  uint64_t wanted = 1'000'000, seed = 1;
  for (int i = 1; i < argc; i++) {
    if (sscanf(argv[i], "cases=%lu", &wanted) != 1 && sscanf(argv[i], "seed=%lu", &seed) != 1) return 2;
  }
  setenv("MULTIPROC_NAMESPACE", ("fuzz" + std::to_string(getpid())).c_str(), 1);
  uint32_t owner;
  if (attach(&owner)) return 2;
  int64_t start = sys::monotonic_ns();
  Counts counts;
  Fuzzer fuzzer(static_cast<uint32_t>(seed), 0);
  // By turns, so that a run that is cut short has seen all of it: files a fifth, racing a tenth, registries 1 in 2,000.
  for (uint64_t turn = 0; counts.cases < wanted; turn++) {
    for (int i = 0; i < 350; i++) fuzzer.memory_case(&counts);
    for (int i = 0; i < 80; i++) fuzzer.file_case(&counts);
    fuzzer.racing_cases(100, &counts);
    if (turn % 2 == 0) fuzzer.registry_case(&counts);
  }
  double seconds = static_cast<double>(sys::monotonic_ns() - start) / 1e9;
  printf("%lu cases in %.1f s, seed %lu: %lu found good, %lu refused by a system code\n", counts.cases, seconds, seed,
         counts.good, counts.codes);
  for (uint32_t i = 0; i < std::size(counts.faults); i++) {
    printf("  %8lu  %s\n", counts.faults[i], describe(static_cast<HeaderFault>(i)));
  }
  printf("  of these %lu opened while the header was being changed, %lu files, %lu registries\n", counts.racing,
         counts.files, counts.registries);
  bool left = false;
  for (const std::string& name : check::names()) {
    left = left || name != registry_name();
    sys::unlink_file(name);
  }
  // The fuzzer is worth something only if it reaches every answer.
  for (uint64_t count : counts.faults) left = left || (count == 0 && wanted >= 10'000);
  return left ? 1 : 0;
}
