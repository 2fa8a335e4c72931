// How a binding finds the words of an object: by segment id and byte offset, checked against the segment's size.
#include "binding/target.h"

#include "binding/environment.h"
#include "sync/header.h"
#include "sync/registry.h"
#include "sys/clock.h"

namespace multiproc::binding {

namespace {

constexpr double kMostMilliseconds = 9e12;  // beyond it the deadline is for ever; nanoseconds would overflow

bool inside(const sync::Segment& segment, uint64_t offset, uint64_t length) {
  return offset % 4 == 0 && offset >= sizeof(sync::SegmentHeader) && offset <= segment.size() &&
         length <= segment.size() - offset;
}

}  // namespace

int64_t to_nanoseconds(double deadline_ms) {
  if (!(deadline_ms < kMostMilliseconds)) return sys::kForever;
  return deadline_ms <= 0 ? 0 : static_cast<int64_t>(deadline_ms * sys::kMillisecond);
}

bool still_running(void* context) {
  napi_env env = static_cast<napi_env>(context);
  Napi::HandleScope scope(env);
  Napi::FunctionReference& heartbeat = Environment::of(env).heartbeat;
  if (heartbeat.IsEmpty()) return true;
  napi_value function = heartbeat.Value(), receiver = undefined_value(env), result = nullptr;
  return napi_call_function(env, receiver, function, 0, nullptr, &result) == napi_ok;
}

bool locate(napi_env env, Arguments& arguments, size_t index, sync::Target::Kind kind, Located* located) {
  uint32_t id = arguments.u32(index);
  uint64_t body = arguments.size(index + 1);
  bool permits = kind == sync::Target::Kind::permits;
  bool barrier = kind == sync::Target::Kind::barrier || kind == sync::Target::Kind::barrier_room;
  bool pipe = kind == sync::Target::Kind::pipe_readable || kind == sync::Target::Kind::pipe_writable;
  uint32_t limit = permits || barrier || pipe ? arguments.u32(index + 2) : 0;
  if (!arguments.ok()) return false;
  sync::Segment* segment = Environment::of(env).segment(env, id);
  if (segment == nullptr) return false;
  bool is_ring = kind >= sync::Target::Kind::ring_items;
  if ((!pipe && limit > sync::kMaxRobustPermits) || !inside(*segment, body, 8) ||
      (permits && (limit == 0 || !inside(*segment, body + sync::kTableOffset, 4 * limit))) ||
      (barrier && (limit == 0 || body % 8 != 0 ||
                   !inside(*segment, body + sync::kBarrierOffset,
                           sizeof(sync::BarrierWords) + sync::barrier_entries_size(limit)))) ||
      (pipe && !inside(*segment, body + sync::kPipeOffset, sync::pipe_size((limit & 2) != 0 ? 2 : 1))) ||
      (kind == sync::Target::Kind::condition &&
       !inside(*segment, body + sync::kConditionOffset, sizeof(sync::ConditionWords))) ||
      (kind == sync::Target::Kind::computation && !inside(*segment, body, sizeof(sync::MapSlot))) ||
      (is_ring && !inside(*segment, body + sync::kRingOffset, sizeof(sync::RingWords)))) {
    throw_type_error(env, "an object inside the segment is expected");
    return false;
  }
  uint8_t* address = segment->data() + body;
  located->target.kind = kind;
  located->target.limit = limit;
  located->target.key = sync::wait_key(segment->inode, body);
  located->memory = segment->mapping;
  if (is_ring) {
    // Each of a ring's three waits has a key of its own, in its own 32 bytes of the words.
    uint64_t which = static_cast<uint64_t>(kind) - static_cast<uint64_t>(sync::Target::Kind::ring_items);
    located->target.key = sync::wait_key(segment->inode, body + 32 * which);
    located->target.table = reinterpret_cast<sync::Word*>(address + sync::kRingOffset);
    located->target.word = &sync::ring_sleepers(*located->target.ring(), located->target.ring_wait());
    return true;
  }
  located->target.word = reinterpret_cast<sync::Word*>(address + sync::kWordOffset);
  uint32_t table = kind == sync::Target::Kind::condition ? sync::kConditionOffset : sync::kTableOffset;
  if (barrier) table = sync::kBarrierOffset;
  if (pipe) table = sync::kPipeOffset;
  located->target.table = reinterpret_cast<sync::Word*>(address + table);
  return true;
}

sync::Word* locate_word(napi_env env, Arguments& arguments, size_t index) {
  uint32_t id = arguments.u32(index);
  uint32_t body = arguments.u32(index + 1);
  if (!arguments.ok()) return nullptr;
  sync::Segment* segment = Environment::of(env).segment(env, id);
  if (segment == nullptr) return nullptr;
  if (!inside(*segment, body, 8)) {
    throw_type_error(env, "an object inside the segment is expected");
    return nullptr;
  }
  return reinterpret_cast<sync::Word*>(segment->data() + body + sync::kWordOffset);
}

uint32_t participant() { return sync::attached(); }

int32_t block_until(napi_env env, const sync::Target& target, double deadline_ms) {
  return sync::wait_until(target, participant(), to_nanoseconds(deadline_ms), {still_running, env});
}

}  // namespace multiproc::binding
