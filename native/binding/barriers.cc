// Barriers as JavaScript sees them: arriving, waiting for the others, and leaving.
#include "binding/exports.h"
#include "binding/target.h"
#include "sync/barrier.h"

namespace multiproc::binding {

namespace {

constexpr double kBroken = -1, kCrowded = -2, kTimedOut = 2;

// An arrival is one number in JavaScript: the tag of its generation above the index.
constexpr double kIndices = sync::kMaxParties;

bool locate_barrier(napi_env env, Arguments& arguments, Located* located) {
  return locate(env, arguments, 0, sync::Target::Kind::barrier, located);
}

// Reads the arrival behind the place of the barrier.
bool locate_arrival(napi_env env, Arguments& arguments, Located* located, uint32_t* index) {
  uint64_t arrival = arguments.size(3);
  if (!locate_barrier(env, arguments, located)) return false;
  *index = static_cast<uint32_t>(arrival % sync::kMaxParties);
  located->target.argument = static_cast<uint32_t>(arrival / sync::kMaxParties);
  return true;
}

void leave(const Located& located, uint32_t index) {
  sync::barrier_leave(located.target.barrier(), participant(), located.target.argument, index);
}

// barrierArrive(segment, body, parties): the arrival; −1: broken; −2: there is no room just now.
napi_value barrier_arrive(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  if (!locate_barrier(env, arguments, &located)) return nullptr;
  sync::Arrival arrival = sync::barrier_arrive(located.target.barrier(), participant());
  if (arrival.kind == sync::Arrival::Kind::broken) return number_value(env, kBroken);
  if (arrival.kind == sync::Arrival::Kind::crowded) return number_value(env, kCrowded);
  return number_value(env, arrival.tag * kIndices + arrival.index);
}

// barrierRoom(segment, body, parties, deadline): blocks; false when the deadline passed.
napi_value barrier_room(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  double deadline = arguments.number(3);
  if (!locate(env, arguments, 0, sync::Target::Kind::barrier_room, &located)) return nullptr;
  return boolean_value(env, block_until(env, located.target, deadline) != sync::kNotYet);
}

// barrierWait(segment, body, parties, arrival, deadline): blocks, and leaves; 0: passed, 1: broken, 2: timed out.
napi_value barrier_wait(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  uint32_t index = 0;
  double deadline = arguments.number(4);
  if (!locate_arrival(env, arguments, &located, &index)) return nullptr;
  double outcome = block_until(env, located.target, deadline);
  if (outcome == sync::kNotYet) {
    int32_t ended = sync::barrier_give_up(located.target.barrier(), participant(), located.target.argument);
    outcome = ended == sync::kBarrierPassed ? ended : kTimedOut;
  }
  leave(located, index);
  return number_value(env, outcome);
}

// What the three ways of leaving have in common: `settle` says how the arrival ended.
template <typename Settle>
napi_value end_arrival(napi_env env, napi_callback_info info, Settle settle) {
  Arguments arguments(env, info);
  Located located;
  uint32_t index = 0;
  if (!locate_arrival(env, arguments, &located, &index)) return nullptr;
  int32_t outcome = settle(located.target.barrier(), participant(), located.target.argument);
  leave(located, index);
  return number_value(env, outcome);
}

// barrierComplete(segment, body, parties, arrival): lets everybody go, and leaves; 0: passed, 1: broken.
napi_value barrier_complete(napi_env env, napi_callback_info info) {
  return end_arrival(env, info, sync::barrier_complete);
}

// barrierGiveUp(segment, body, parties, arrival): breaks it unless it has passed, and leaves; 0: passed, 1: broken.
napi_value barrier_give_up(napi_env env, napi_callback_info info) {
  return end_arrival(env, info, sync::barrier_give_up);
}

// barrierLeave(segment, body, parties, arrival): for one that has ended; 0: passed, 1: broken.
napi_value barrier_leave(napi_env env, napi_callback_info info) {
  return end_arrival(env, info, sync::barrier_outcome);
}

// barrierOutcome(segment, body, parties, arrival): 0: passed, 1: broken, −1: not yet.
napi_value barrier_outcome(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  uint32_t index = 0;
  if (!locate_arrival(env, arguments, &located, &index)) return nullptr;
  return number_value(env, sync::barrier_outcome(located.target.barrier(), participant(), located.target.argument));
}

// barrierAbort(segment, body, parties)
napi_value barrier_abort(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  if (!locate_barrier(env, arguments, &located)) return nullptr;
  sync::barrier_abort(located.target.barrier());
  return undefined_value(env);
}

// barrierReset(segment, body, parties)
napi_value barrier_reset(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  if (!locate_barrier(env, arguments, &located)) return nullptr;
  sync::barrier_reset(located.target.barrier());
  return undefined_value(env);
}

// barrierWaiting(segment, body, parties): how many wait; −1: broken.
napi_value barrier_waiting(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  if (!locate_barrier(env, arguments, &located)) return nullptr;
  return number_value(env, sync::barrier_waiting(located.target.barrier()));
}

}  // namespace

void export_barriers(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "barrierAbort", barrier_abort);
  export_function(env, exports, "barrierArrive", barrier_arrive);
  export_function(env, exports, "barrierComplete", barrier_complete);
  export_function(env, exports, "barrierGiveUp", barrier_give_up);
  export_function(env, exports, "barrierLeave", barrier_leave);
  export_function(env, exports, "barrierOutcome", barrier_outcome);
  export_function(env, exports, "barrierReset", barrier_reset);
  export_function(env, exports, "barrierRoom", barrier_room);
  export_function(env, exports, "barrierWait", barrier_wait);
  export_function(env, exports, "barrierWaiting", barrier_waiting);
}

}  // namespace multiproc::binding
