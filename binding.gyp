{
  "targets": [
    {
      "target_name": "multiproc",
      "sources": [
        "native/addon.cc",
        "native/binding/buffer.cc",
        "native/binding/environment.cc",
        "native/binding/errors.cc",
        "native/binding/grants.cc",
        "native/binding/locks.cc",
        "native/binding/participants.cc",
        "native/binding/posix_semaphore.cc",
        "native/binding/posix_shm.cc",
        "native/binding/process.cc",
        "native/binding/raw_memory.cc",
        "native/binding/segments.cc",
        "native/binding/semaphores.cc",
        "native/binding/target.cc",
        "native/sync/header.cc",
        "native/sync/lock.cc",
        "native/sync/permits.cc",
        "native/sync/raw_memory.cc",
        "native/sync/registry.cc",
        "native/sync/segment.cc",
        "native/sync/semaphore.cc",
        "native/sync/wait.cc",
        "native/sync/waiter.cc",
        "native/sys/absent_waiters.cc",
        "native/sys/entropy.cc",
        "native/sys/event_loop.cc",
        "native/sys/fork.cc",
        "native/sys/futex.cc",
        "native/sys/glibc_baseline.cc",
        "native/sys/mapping.cc",
        "native/sys/posix_semaphore.cc",
        "native/sys/posix_shm.cc",
        "native/sys/process.cc",
        "native/sys/semaphore_waiter.cc",
        "native/sys/shm_file.cc"
      ],
      "include_dirs": ["native", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS"],
      "cflags_cc": ["-include", "sys/glibc_baseline.h", "-std=c++17", "-O2", "-Wall", "-Wextra", "-fvisibility=hidden"],
      "ldflags": ["-Wl,-z,nodelete", "-Wl,-z,now"]
    }
  ]
}
