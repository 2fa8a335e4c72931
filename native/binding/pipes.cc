// Pipes as JavaScript sees them: who has an end open, and messages, at once or by blocking.
//
// A pipe's end is three arguments: segment, body, and the number of `PipeEnd::of`.
#include <sched.h>

#include <algorithm>
#include <vector>

#include "binding/exports.h"
#include "binding/target.h"
#include "sync/pipe.h"
#include "sys/clock.h"

namespace multiproc::binding {

namespace {

using sync::PipeEnd;
using sync::PipePut;
using sync::PipeTake;
using Kind = sync::Target::Kind;

// What the functions below return instead of a size.
constexpr double kNothing = -1, kEnded = -2, kLarge = -3, kTooLong = -4, kDropped = -5, kDamaged = -6;

constexpr int64_t kLongestLook = 50'000;
constexpr int kPlainLooks = 4;
constexpr size_t kEndFields = 3;  // segment, body, number

struct View {
  uint8_t* data = nullptr;
  size_t size = 0;
};

bool view_at(napi_env env, const Arguments& arguments, size_t index, View* view) {
  void* data = nullptr;
  if (arguments.at(index) == nullptr ||
      napi_get_typedarray_info(env, arguments.at(index), nullptr, &view->size, &data, nullptr, nullptr) != napi_ok) {
    throw_type_error(env, "bytes are expected");
    return false;
  }
  view->data = static_cast<uint8_t*>(data);
  return true;
}

bool usable_cpus_are_several() {
  cpu_set_t cpus;
  return sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) > 1;
}

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Before it sleeps, a thread looks for up to 50 µs, and lets others run meanwhile: a round trip then costs 0.5 µs
// instead of 60. Where it was in vain three times in a row it is done once in sixteen times only.
class Looking {
 public:
  Looking(napi_env, const Located& located)
      : misses_(&table()[(reinterpret_cast<uintptr_t>(located.target.table) / 4096 + located.target.limit) % kKept]) {}

  bool look(const sync::Target& target, uint32_t me, int64_t deadline_ns) {
    static const bool several = usable_cpus_are_several();
    if (*misses_ >= kMost && ++*misses_ % 16 != 0) return false;
    int64_t until = std::min(sys::monotonic_ns() + kLongestLook, deadline_ns);
    bool found = false;
    for (int i = 0; several && i < kPlainLooks && !found; i++) {
      found = ready(target, me);
      if (!found) relax();
    }
    while (!found && sys::monotonic_ns() < until) {
      sched_yield();
      found = ready(target, me);
    }
    *misses_ = static_cast<uint8_t>(found ? 0 : std::min(*misses_ + 1, 255));
    return found;
  }

 private:
  static constexpr size_t kKept = 64;
  static constexpr uint8_t kMost = 3;

  static uint8_t* table() {
    static thread_local uint8_t misses[kKept];
    return misses;
  }

  static bool ready(const sync::Target& target, uint32_t me) {
    return target.kind == Kind::pipe_readable ? sync::pipe_readable(target.pipe(), me, nullptr)
                                              : sync::pipe_writable(target.pipe(), me, target.argument, nullptr);
  }

  uint8_t* misses_;
};

// How an event loop looks: it yields only while that is short. Where other programs want the CPU a yield costs
// milliseconds, and sleeping, which the kernel rewards when the message comes, is better.
class LoopLook {
 public:
  template <typename Ready>
  static bool look(int64_t until_ns, Ready ready) {
    static const bool several = usable_cpus_are_several();
    static thread_local int64_t busy_until = 0;
    int64_t start = sys::monotonic_ns(), now = start;
    bool yields = now >= busy_until;
    while (now < until_ns && (several || yields)) {
      for (int i = 0; i < kPlainLooks; i++) {
        if (ready()) return true;
        relax();
      }
      now = sys::monotonic_ns();
      if (!yields || (several && now - start < kAlone)) continue;
      sched_yield();
      int64_t back = sys::monotonic_ns();
      if (back - now > kShortYield) {
        busy_until = back + kBusy;
        break;
      }
      now = back;
    }
    return ready();
  }

 private:
  static constexpr int64_t kAlone = 5'000;        // the other side may well run on another CPU
  static constexpr int64_t kShortYield = 50'000;  // it had its turn, and is done
  static constexpr int64_t kBusy = 20'000'000;
};

// A size from JavaScript, where Infinity is a size, too.
uint64_t size_of(double size) {
  if (!(size > 0)) return 0;
  return size < 0x1p64 ? static_cast<uint64_t>(size) : UINT64_MAX;
}

// Waits until the target may go on; false when the deadline has passed.
bool wait_for(napi_env env, const Located& located, double deadline_ms) {
  if (deadline_ms <= 0) return false;
  if (Looking(env, located).look(located.target, participant(), to_nanoseconds(deadline_ms))) return true;
  return block_until(env, located.target, deadline_ms) != sync::kNotYet;
}

// pipeEnter(end…, participant): one more holder; false when there are too many
napi_value pipe_enter(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  uint32_t who = arguments.u32(3);
  if (!locate(env, arguments, 0, Kind::pipe_readable, &located)) return nullptr;
  return boolean_value(env, sync::pipe_enter(located.target.pipe(), who));
}

// pipeLeave(end…, participant): one less
napi_value pipe_leave(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  uint32_t who = arguments.u32(3);
  if (!locate(env, arguments, 0, Kind::pipe_readable, &located)) return nullptr;
  sync::pipe_leave(located.target.pipe(), who);
  return undefined_value(env);
}

// pipePut(end…, bytes, sent, deadline): goes on sending; how many bytes have left, −1 when all have, −2 when nobody can
// receive them, −6 when the words of the pipe are damaged
napi_value pipe_put(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  View bytes;
  uint64_t sent = arguments.size(4);
  double deadline = arguments.number(5);
  if (!locate(env, arguments, 0, Kind::pipe_writable, &located)) return nullptr;
  if (!view_at(env, arguments, 3, &bytes)) return nullptr;
  if (sent > bytes.size) return throw_type_error(env, "an offset in the bytes is expected");
  for (;;) {
    switch (sync::pipe_put(located.target.pipe(), participant(), bytes.data, bytes.size, &sent)) {
      case PipePut::done:
        return number_value(env, kNothing);
      case PipePut::broken:
        return number_value(env, kEnded);
      case PipePut::damaged:
        return number_value(env, kDamaged);
      case PipePut::wait:
        located.target.argument = sync::pipe_needed(bytes.size, sent);
        if (!wait_for(env, located, deadline)) return number_value(env, static_cast<double>(sent));
    }
  }
}

// pipeAbandon(end…): the rest of the message that is on its way is not sent
napi_value pipe_abandon(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  if (!locate(env, arguments, 0, Kind::pipe_writable, &located)) return nullptr;
  sync::pipe_abandon(located.target.pipe(), participant());
  return undefined_value(env);
}

// pipeTake(end…, bytes, most, size, deadline): a message's size if it is in `bytes`; −1 none came; −2 none will;
// −3 it is larger, −4 it is longer than `most`: `size[0]` says how long; −6 the pipe is damaged
napi_value pipe_take(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  View bytes, size;
  uint64_t most = size_of(arguments.number(4));
  double deadline = arguments.number(6);
  if (!locate(env, arguments, 0, Kind::pipe_readable, &located)) return nullptr;
  if (!view_at(env, arguments, 3, &bytes) || !view_at(env, arguments, 5, &size)) return nullptr;
  if (size.size != 1) return throw_type_error(env, "a Float64Array of one element is expected");
  for (;;) {
    uint64_t length = 0;
    PipeTake taken = sync::pipe_take(located.target.pipe(), participant(), most, bytes.data, bytes.size, &length);
    if (taken == PipeTake::whole) return number_value(env, static_cast<double>(length));
    if (taken == PipeTake::ended) return number_value(env, kEnded);
    if (taken == PipeTake::damaged) return number_value(env, kDamaged);
    if (taken == PipeTake::wait) {
      if (!wait_for(env, located, deadline)) return number_value(env, kNothing);
      continue;
    }
    *reinterpret_cast<double*>(size.data) = static_cast<double>(length);
    return number_value(env, taken == PipeTake::first ? kLarge : kTooLong);
  }
}

// pipeContinue(end…, bytes, got, size, deadline): how many bytes of the large message are there, −5 if its sender gave
// up. With less room left than the rest and than the pipe's capacity, it may go no further
napi_value pipe_continue(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  View bytes;
  uint64_t got = arguments.size(4), size = size_of(arguments.number(5));
  double deadline = arguments.number(6);
  if (!locate(env, arguments, 0, Kind::pipe_readable, &located)) return nullptr;
  if (!view_at(env, arguments, 3, &bytes)) return nullptr;
  if (got > bytes.size || got > size) return throw_type_error(env, "an offset in the bytes is expected");
  for (;;) {
    PipeTake taken = sync::pipe_continue(located.target.pipe(), participant(), bytes.data, bytes.size, size, &got);
    if (taken == PipeTake::dropped) return number_value(env, kDropped);
    if (taken == PipeTake::whole || taken == PipeTake::more || !wait_for(env, located, deadline)) {
      return number_value(env, static_cast<double>(got));
    }
  }
}

// pipeDrop(end…): the large message that is received in part is not wanted any more
napi_value pipe_drop(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  if (!locate(env, arguments, 0, Kind::pipe_readable, &located)) return nullptr;
  sync::pipe_drop(located.target.pipe(), participant());
  return undefined_value(env);
}

// pipeReady(end…, deadline): whether receiving may go on
napi_value pipe_ready(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  double deadline = arguments.number(3);
  if (!locate(env, arguments, 0, Kind::pipe_readable, &located)) return nullptr;
  do {
    sync::pipe_skip(located.target.pipe(), participant());
    if (sync::pipe_readable(located.target.pipe(), participant(), nullptr)) return boolean_value(env, true);
  } while (wait_for(env, located, deadline));
  return boolean_value(env, false);
}

// pipesLook(ends, deadline): looks, and lets others run meanwhile, until receiving may go on at one of the ends, which
// are three numbers each; false when it does not pay to look any longer
napi_value pipes_look(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  double deadline = arguments.number(1);
  napi_typedarray_type type;
  size_t count = 0;
  void* data = nullptr;
  if (!arguments.ok()) return nullptr;
  if (napi_get_typedarray_info(env, arguments.at(0), &type, &count, &data, nullptr, nullptr) != napi_ok ||
      type != napi_float64_array || count % kEndFields != 0) {
    return throw_type_error(env, "a Float64Array of ends is expected");
  }
  std::vector<Located> ends(count / kEndFields);
  for (size_t i = 0; i < ends.size(); i++) {
    napi_value values[kEndFields];
    for (size_t field = 0; field < kEndFields; field++) {
      values[field] = number_value(env, static_cast<const double*>(data)[i * kEndFields + field]);
    }
    Arguments end(env, values, kEndFields);
    if (!locate(env, end, 0, Kind::pipe_readable, &ends[i])) return nullptr;
  }
  uint32_t me = participant();
  bool found = LoopLook::look(to_nanoseconds(deadline), [&] {
    return std::any_of(ends.begin(), ends.end(),
                       [me](const Located& end) { return sync::pipe_readable(end.target.pipe(), me, nullptr); });
  });
  return boolean_value(env, found);
}

}  // namespace

void export_pipes(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "pipeAbandon", pipe_abandon);
  export_function(env, exports, "pipeContinue", pipe_continue);
  export_function(env, exports, "pipeDrop", pipe_drop);
  export_function(env, exports, "pipeEnter", pipe_enter);
  export_function(env, exports, "pipeLeave", pipe_leave);
  export_function(env, exports, "pipePut", pipe_put);
  export_function(env, exports, "pipeReady", pipe_ready);
  export_function(env, exports, "pipeTake", pipe_take);
  export_function(env, exports, "pipesLook", pipes_look);
}

}  // namespace multiproc::binding
