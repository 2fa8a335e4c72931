// Blocking until any of several things may go on: words of shared memory and descriptors, together.
#include <algorithm>
#include <memory>
#include <vector>

#include "binding/exports.h"
#include "binding/target.h"
#include "sync/registry.h"
#include "sys/clock.h"
#include "sys/fd_watcher.h"

namespace multiproc::binding {

namespace {

// What the thread that watches descriptors does for a thread that sleeps on words: it rings their bell.
class Bell {
 public:
  sys::Failure watch(const int32_t* fds, size_t count) {
    if (count == 0) return {};
    watcher_ = std::make_unique<sys::FdWatcher>([](void*) {}, nullptr);
    for (size_t i = 0; i < count; i++) {
      uint32_t ticket = 0;
      if (sys::Failure failure = watcher_->arm(fds[i], sys::kReadable, &word_, &ticket)) return failure;
    }
    return {};
  }

  bool rung() const { return word_.load() != 0; }
  void add_to(sys::FutexSet* set) { set->add(&word_, 0); }

 private:
  sys::Word word_{0};
  std::unique_ptr<sys::FdWatcher> watcher_;  // ends before the word
};

constexpr size_t kFields = 5;  // kind, segment, body, limit, argument

// waitAny(targets, descriptors, deadline): true when one of them may go on; targets are Float64Arrays of kFields each.
// Only for targets of which an attempt takes nothing.
napi_value wait_any(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  napi_value list = arguments.at(0);
  void* fds = nullptr;
  size_t fd_count = 0;
  uint32_t count = 0;
  double deadline = arguments.number(2);
  if (!arguments.ok()) return nullptr;
  if (napi_get_array_length(env, list, &count) != napi_ok ||
      napi_get_typedarray_info(env, arguments.at(1), nullptr, &fd_count, &fds, nullptr, nullptr) != napi_ok) {
    return throw_type_error(env, "a list of targets and an Int32Array are expected");
  }
  std::vector<Located> targets(count);
  for (uint32_t i = 0; i < count; i++) {
    napi_value fields = nullptr, values[kFields];
    napi_get_element(env, list, i, &fields);
    for (uint32_t field = 0; field < kFields; field++) napi_get_element(env, fields, field, &values[field]);
    Arguments of_target(env, values, kFields);
    auto kind = static_cast<sync::Target::Kind>(of_target.u32(0));
    uint32_t argument = of_target.u32(4);
    if (!of_target.ok() || !locate(env, of_target, 1, kind, &targets[i])) return nullptr;
    targets[i].target.argument = argument;
  }
  Bell bell;
  if (sys::Failure failure = bell.watch(static_cast<int32_t*>(fds), fd_count)) return throw_failure(env, failure, "");
  int64_t until = to_nanoseconds(deadline);
  sys::FutexSet set;
  for (;;) {
    set.clear();
    bell.add_to(&set);
    bool found = bell.rung();
    for (const Located& located : targets) {
      if (!found) found = sync::attempt(located.target, participant(), true, &set) != sync::kNotYet;
    }
    int64_t now = sys::monotonic_ns();
    if (found) return boolean_value(env, true);
    if (now >= until || !still_running(env)) return boolean_value(env, false);
    sys::futex_wait(set, std::min(until, now + sys::longest_park_ns() / (set.overflowed() ? 5 : 1)));
  }
}

}  // namespace

void export_wait_any(Napi::Env env, Napi::Object exports) { export_function(env, exports, "waitAny", wait_any); }

}  // namespace multiproc::binding
