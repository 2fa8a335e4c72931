// Segments as JavaScript sees them: numbers that stand for mappings, and ArrayBuffers over parts of them.
#include "binding/arguments.h"
#include "binding/buffer.h"
#include "binding/environment.h"
#include "binding/exports.h"
#include "sync/permits.h"
#include "sync/pipe.h"
#include "sync/registry.h"
#include "sync/segment.h"

namespace multiproc::binding {

namespace {

napi_value text(napi_env env, const char* value) { return Napi::String::New(env, value); }

// segmentCreate(kind, size, temporary name, reserved): the id of a segment without a name.
napi_value segment_create(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint32_t kind = arguments.u32(0);
  uint64_t size = arguments.size(1), reserved = arguments.size(3);
  std::string temporary = arguments.string(2);
  if (!arguments.ok()) return nullptr;
  auto segment = std::make_unique<sync::Segment>();
  bool sparse = kind == static_cast<uint32_t>(sync::SegmentKind::sparse);
  sys::Failure failure = sparse ? sync::create_sparse(size, reserved, sync::attached(), temporary, segment.get())
                                : sync::create_segment(static_cast<sync::SegmentKind>(kind), size, sync::attached(),
                                                       temporary, segment.get());
  if (failure) return throw_failure(env, failure, sys::file_path(""));
  return Environment::of(env).add_segment(env, std::move(segment));
}

// segmentPublish(id, name): false if another process was first.
napi_value segment_publish(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint32_t id = arguments.u32(0);
  std::string name = arguments.string(1);
  sync::Segment* segment = arguments.ok() ? Environment::of(env).segment(env, id) : nullptr;
  if (segment == nullptr) return nullptr;
  sys::Failure failure = sync::publish_segment(segment, name);
  if (failure && failure.code != EEXIST) return throw_failure(env, failure, sys::file_path(name));
  return boolean_value(env, !failure);
}

// segmentOpen(name): its id, or a text that says why it cannot be one of ours.
napi_value segment_open(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  std::string name = arguments.string(0);
  if (!arguments.ok()) return nullptr;
  auto segment = std::make_unique<sync::Segment>();
  sync::HeaderFault fault;
  sys::Failure failure = sync::open_segment(name, segment.get(), &fault);
  if (failure) return throw_failure(env, failure, sys::file_path(name));
  if (fault != sync::HeaderFault::none) return text(env, sync::describe(fault));
  return Environment::of(env).add_segment(env, std::move(segment));
}

// segmentBlock(id, offset): [kind, generation, type, flags, length, size of the body], or a text that says what is
// wrong.
napi_value segment_block(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint32_t id = arguments.u32(0);
  uint64_t offset = arguments.size(1);
  sync::Segment* segment = arguments.ok() ? Environment::of(env).segment(env, id) : nullptr;
  if (segment == nullptr) return nullptr;
  sync::BlockFacts facts;
  sync::HeaderFault fault = sync::check_block(segment->data(), segment->size(), offset, &facts);
  if (fault != sync::HeaderFault::none) return text(env, sync::describe(fault));
  const double fields[] = {static_cast<double>(facts.kind),   static_cast<double>(facts.generation),
                           static_cast<double>(facts.type),   static_cast<double>(facts.flags),
                           static_cast<double>(facts.length), static_cast<double>(facts.size)};
  napi_value list = nullptr;
  napi_create_array_with_length(env, 6, &list);
  for (uint32_t i = 0; i < 6; i++) napi_set_element(env, list, i, number_value(env, fields[i]));
  return list;
}

// segmentBuffer(id, offset, length): an ArrayBuffer over a part of it.
napi_value segment_buffer(napi_env env, napi_callback_info info) {
  uint64_t offset = 0, length = 0;
  sync::Segment* segment = segment_range(env, info, &offset, &length);
  if (segment == nullptr) return nullptr;
  return external_buffer(env, segment->mapping, offset, length);
}

// segmentFacts(id): [size, inode]
napi_value segment_facts(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint32_t id = arguments.u32(0);
  sync::Segment* segment = arguments.ok() ? Environment::of(env).segment(env, id) : nullptr;
  if (segment == nullptr) return nullptr;
  napi_value list = nullptr;
  napi_create_array_with_length(env, 2, &list);
  napi_set_element(env, list, 0, number_value(env, static_cast<double>(segment->size())));
  napi_set_element(env, list, 1, number_value(env, static_cast<double>(segment->inode)));
  return list;
}

// segmentRelease(id): lets it go in this environment. Its ArrayBuffers must have been detached.
napi_value segment_release(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint32_t id = arguments.u32(0);
  sync::Segment* segment = arguments.ok() ? Environment::of(env).segment(env, id) : nullptr;
  if (segment == nullptr) return nullptr;
  sys::Failure failure = segment->mapping->retire();
  sys::close_file(&segment->file);
  Environment::of(env).segments[id].reset();
  return failure ? throw_failure(env, failure, "") : undefined_value(env);
}

// segmentSend(id, keeper): records that a handle is on its way; false if the record is full.
napi_value segment_send(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint32_t id = arguments.u32(0), keeper = arguments.u32(1);
  sync::Segment* segment = arguments.ok() ? Environment::of(env).segment(env, id) : nullptr;
  if (segment == nullptr) return nullptr;
  return boolean_value(env, sync::begin_transit(segment->header(), keeper));
}

// segmentReceive(id, sender): a handle of `sender` has arrived.
napi_value segment_receive(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint32_t id = arguments.u32(0), sender = arguments.u32(1);
  sync::Segment* segment = arguments.ok() ? Environment::of(env).segment(env, id) : nullptr;
  if (segment == nullptr) return nullptr;
  sync::end_transit(segment->header(), sender);
  return undefined_value(env);
}

// sweepFile(name): 'removed', 'in-use' or 'gone'.
napi_value sweep_file(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  std::string name = arguments.string(0);
  if (!arguments.ok()) return nullptr;
  switch (sys::sweep_file(name, sync::segment_needed)) {
    case sys::Sweep::removed:
      return text(env, "removed");
    case sys::Sweep::in_use:
      return text(env, "in-use");
    case sys::Sweep::gone:
      break;
  }
  return text(env, "gone");
}

// unlinkFile(name)
napi_value unlink_file(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  std::string name = arguments.string(0);
  if (!arguments.ok()) return nullptr;
  sys::Failure failure = sys::unlink_file(name);
  return failure ? throw_failure(env, failure, sys::file_path(name)) : undefined_value(env);
}

// layout(): the constants that both languages need; a test compares them with the TypeScript side.
Napi::Value layout(const Napi::CallbackInfo& info) {
  Napi::Object constants = Napi::Object::New(info.Env());
  auto set = [&](const char* name, double value) { constants.Set(name, Napi::Number::New(info.Env(), value)); };
  set("abi", sync::kAbi);
  set("headerSize", sizeof(sync::SegmentHeader));
  set("registryOffset", offsetof(sync::SegmentHeader, registry));
  set("creatorPidOffset", offsetof(sync::SegmentHeader, creator_pid));
  set("createdOffset", offsetof(sync::SegmentHeader, created_ms));
  set("transitsOffset", offsetof(sync::SegmentHeader, transits));
  set("firstBlock", sync::kFirstBlock);
  set("blockAlignment", sync::kBlockAlignment);
  set("blockHeaderSize", sizeof(sync::BlockHeader));
  set("wordOffset", sync::kWordOffset);
  set("depthOffset", sync::kDepthOffset);
  set("tableOffset", sync::kTableOffset);
  set("barrierOffset", sync::kBarrierOffset);
  set("barrierSize", sizeof(sync::BarrierWords));
  set("barrierTimeoutOffset", offsetof(sync::BarrierWords, timeout));
  set("conditionOffset", sync::kConditionOffset);
  set("conditionSize", sizeof(sync::ConditionWords));
  set("ringOffset", sync::kRingOffset);
  set("ringSize", sizeof(sync::RingWords));
  set("ringExtents", sync::kExtents);
  set("pipeOffset", sync::kPipeOffset);
  set("pipeCapacity", sync::kPipeCapacity);
  set("pipeSize", static_cast<double>(sync::pipe_size(2)));
  set("oneWayPipeSize", static_cast<double>(sync::pipe_size(1)));
  set("dataOffset", sync::kDataOffset);
  set("ownerMask", sync::kOwnerMask);
  set("dirty", sync::kDirty);
  set("contended", sync::kContended);
  set("maxParties", sync::kMaxParties);
  set("maxRobustPermits", sync::kMaxRobustPermits);
  return constants;
}

}  // namespace

void export_segments(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "segmentBlock", segment_block);
  export_function(env, exports, "segmentBuffer", segment_buffer);
  export_function(env, exports, "segmentCreate", segment_create);
  export_function(env, exports, "segmentFacts", segment_facts);
  export_function(env, exports, "segmentOpen", segment_open);
  export_function(env, exports, "segmentPublish", segment_publish);
  export_function(env, exports, "segmentReceive", segment_receive);
  export_function(env, exports, "segmentRelease", segment_release);
  export_function(env, exports, "segmentSend", segment_send);
  export_function(env, exports, "sweepFile", sweep_file);
  export_function(env, exports, "unlinkFile", unlink_file);
  exports.Set("layout", Napi::Function::New(env, layout, "layout"));
}

}  // namespace multiproc::binding
