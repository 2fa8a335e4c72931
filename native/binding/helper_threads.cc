// The helper threads of V8, which a forked child does not have.
#include <dlfcn.h>

#include "binding/arguments.h"
#include "binding/exports.h"
#include "sys/read_only_memory.h"

namespace multiproc::binding {

namespace {

// V8 gives part of a garbage collection to them, also with --single-threaded, and goes on without an answer; but a
// Worker waits at its end until everything is done that anybody gave them. Node has one object that says how many there
// are and that waits, of a class whose table of virtual functions is the same from Node 20 on, as far as it matters
// here: each function is looked for in it by its address.
void** find_slot(const char* function) {
  constexpr int kSlots = 40;  // more than there are: other tables follow
  void** table = static_cast<void**>(dlsym(RTLD_DEFAULT, "_ZTVN4node12NodePlatformE"));
  void* address = dlsym(RTLD_DEFAULT, function);
  if (table == nullptr || address == nullptr) return nullptr;
  for (void** slot = table; slot < table + kSlots; slot++) {
    if (*slot == address) return slot;
  }
  return nullptr;
}

template <typename Function>
bool redirect(void** slot, Function* function) {
  void* address = reinterpret_cast<void*>(function);
  return !sys::overwrite(slot, &address, sizeof address);
}

int no_threads(void*) { return 0; }

bool (*flush_foreground_tasks)(void* platform, void* isolate) = nullptr;

void drain_foreground_tasks(void* platform, void* isolate) {
  while (flush_foreground_tasks(platform, isolate)) {
  }
}

// doWithoutHelperThreads(): whether it could be arranged
napi_value do_without_helper_threads(napi_env env, napi_callback_info) {
  // A child of a child has it from its parent.
  static bool arranged = false;
  if (arranged) return boolean_value(env, true);
  void** count = find_slot("_ZN4node12NodePlatform21NumberOfWorkerThreadsEv");
  void** drain = find_slot("_ZN4node12NodePlatform10DrainTasksEPN2v87IsolateE");
  void** flush = find_slot("_ZN4node12NodePlatform20FlushForegroundTasksEPN2v87IsolateE");
  if (count == nullptr || drain == nullptr || flush == nullptr) return boolean_value(env, false);
  flush_foreground_tasks = reinterpret_cast<bool (*)(void*, void*)>(*flush);
  arranged = redirect(count, no_threads) && redirect(drain, drain_foreground_tasks);
  return boolean_value(env, arranged);
}

}  // namespace

void export_helper_threads(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "doWithoutHelperThreads", do_without_helper_threads);
}

}  // namespace multiproc::binding
