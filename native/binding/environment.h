// What the addon keeps for one JavaScript environment (the main thread or one Worker).
#pragma once

#include <napi.h>
#include <sys/types.h>

#include <memory>
#include <vector>

#include "sync/segment.h"

namespace multiproc::sys {
class DescriptorKeeper;
}

namespace multiproc::binding {

class Grants;
class Readiness;
class SemaphoreWaits;

struct Environment {
  Napi::FunctionReference error_factory;
  Napi::FunctionReference heartbeat;                         // fails once the environment is being terminated
  std::vector<std::unique_ptr<sync::Segment>> segments;      // by the ids that JavaScript holds; empty where released
  Grants* grants = nullptr;                                  // made at the first pending wait
  std::vector<int> descriptors;                              // to be closed with it
  std::vector<pid_t> children;                               // which nobody waits for after its end
  std::shared_ptr<Readiness> readiness;                      // made at the first pending wait for a descriptor
  std::shared_ptr<sys::DescriptorKeeper> descriptor_keeper;  // made when a socket travels
  std::shared_ptr<SemaphoreWaits> semaphore_waits;           // made at the first pending wait for a POSIX semaphore

  Environment();
  ~Environment();

  // Closes all segments for good, and removes the files of those that nobody else has.
  void let_go();

  static Environment& of(napi_env env);

  // Null, with an exception pending, for an id that is not in use.
  sync::Segment* segment(napi_env env, uint32_t id);

  // The id that it has from now on.
  napi_value add_segment(napi_env env, std::unique_ptr<sync::Segment> segment);
};

// Of a call (id, offset, length): the segment, of which that is a part. Null, with an exception pending, if it is none.
sync::Segment* segment_range(napi_env env, napi_callback_info info, uint64_t* offset, uint64_t* length);

// For a process that ends without tearing its environments down, as `process.exit` makes it: lets go of all they have.
void leave_nothing();

void export_environment(Napi::Env env, Napi::Object exports);

}  // namespace multiproc::binding
