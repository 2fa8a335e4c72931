// Descriptors that travel, for JavaScript: kept here under a ticket, fetched by whoever shows it.
#include "sys/descriptor_keeper.h"

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/exports.h"

namespace multiproc::binding {

namespace {

// descriptorKeep(fd): a ticket, good until it was fetched for the last time, or this thread ends
napi_value descriptor_keep(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t fd = arguments.i32(0);
  if (!arguments.ok()) return nullptr;
  auto& keeper = Environment::of(env).descriptor_keeper;
  if (!keeper) keeper.reset(new sys::DescriptorKeeper);
  std::string ticket;
  if (sys::Failure failure = keeper->keep(fd, &ticket)) return throw_failure(env, failure, "");
  napi_value result = nullptr;
  napi_create_string_utf8(env, ticket.data(), ticket.size(), &result);
  return result;
}

// descriptorDrop(ticket)
napi_value descriptor_drop(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  std::string ticket = arguments.string(0);
  if (!arguments.ok()) return nullptr;
  if (auto& keeper = Environment::of(env).descriptor_keeper) keeper->drop(ticket);
  return undefined_value(env);
}

// descriptorFetch(ticket, last): the descriptor
napi_value descriptor_fetch(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  std::string ticket = arguments.string(0);
  bool last = arguments.boolean(1);
  if (!arguments.ok()) return nullptr;
  int fd = -1;
  if (sys::Failure failure = sys::fetch_descriptor(ticket, last, &fd)) return throw_failure(env, failure, "");
  return number_value(env, fd);
}

}  // namespace

void export_descriptor_keeper(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "descriptorDrop", descriptor_drop);
  export_function(env, exports, "descriptorFetch", descriptor_fetch);
  export_function(env, exports, "descriptorKeep", descriptor_keep);
}

}  // namespace multiproc::binding
