// The helper threads of V8, which a forked child does not have.
#include "binding/helper_threads.h"

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

// The only object of that class, which Node keeps in a structure of its own: found there by its table.
void* find_platform() {
  constexpr int kWords = 16;
  constexpr int kBeforeFunctions = 2;  // a table begins with two words about the class
  auto* table = static_cast<void**>(dlsym(RTLD_DEFAULT, "_ZTVN4node12NodePlatformE"));
  auto* holder = static_cast<void**>(dlsym(RTLD_DEFAULT, "_ZN4node11per_process11v8_platformE"));
  if (table == nullptr || holder == nullptr) return nullptr;
  for (void** word = holder; word < holder + kWords; word++) {
    void* first = nullptr;
    // What lies there need not be a pointer.
    if (!sys::read_memory(*word, &first, sizeof first) && first == table + kBeforeFunctions) return *word;
  }
  return nullptr;
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

bool run_engine_tasks() {
  static void* platform = find_platform();
  static auto* current = reinterpret_cast<void* (*)()>(dlsym(RTLD_DEFAULT, "_ZN2v87Isolate10GetCurrentEv"));
  if (flush_foreground_tasks == nullptr || platform == nullptr || current == nullptr) return false;
  bool ran = false;
  while (flush_foreground_tasks(platform, current())) ran = true;
  return ran;
}

void export_helper_threads(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "doWithoutHelperThreads", do_without_helper_threads);
}

}  // namespace multiproc::binding
