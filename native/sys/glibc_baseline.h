// Symbol versions of glibc 2.28, pinned so that one binary runs on every distribution since 2018.
//
// glibc 2.32 and 2.34 moved functions from libpthread and libdl into libc with new default versions, which a program
// linked today would require, although the old versions still exist and are the same code. Both build files include
// this header before every source; test/package/symbols.test.ts reads the result's requirements. Add a function here
// when that test names it; one without an old version goes to glibc_baseline.cc. Functions of librt (timer_create,
// mq_open …) must not be used: Node does not load it.
#pragma once

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#include <features.h>
#ifdef __GLIBC__

#ifdef __x86_64__
#define MULTIPROC_PIN(name, version) __asm__(".symver " #name "," #name "@GLIBC_" #version)
#else
// glibc supports aarch64 since 2.17.
#define MULTIPROC_PIN(name, version) __asm__(".symver " #name "," #name "@GLIBC_2.17")
#endif

MULTIPROC_PIN(dladdr, 2.2.5);
MULTIPROC_PIN(dlclose, 2.2.5);
MULTIPROC_PIN(dlerror, 2.2.5);
MULTIPROC_PIN(dlopen, 2.2.5);
MULTIPROC_PIN(dlsym, 2.2.5);
MULTIPROC_PIN(pthread_attr_getstacksize, 2.2.5);
MULTIPROC_PIN(pthread_attr_setstacksize, 2.2.5);
MULTIPROC_PIN(pthread_create, 2.2.5);
MULTIPROC_PIN(pthread_detach, 2.2.5);
MULTIPROC_PIN(pthread_getspecific, 2.2.5);
MULTIPROC_PIN(pthread_join, 2.2.5);
MULTIPROC_PIN(pthread_key_create, 2.2.5);
MULTIPROC_PIN(pthread_key_delete, 2.2.5);
MULTIPROC_PIN(pthread_kill, 2.2.5);
MULTIPROC_PIN(pthread_mutex_consistent, 2.12);
MULTIPROC_PIN(pthread_mutex_timedlock, 2.2.5);
MULTIPROC_PIN(pthread_mutex_trylock, 2.2.5);
MULTIPROC_PIN(pthread_mutexattr_destroy, 2.2.5);
MULTIPROC_PIN(pthread_mutexattr_init, 2.2.5);
MULTIPROC_PIN(pthread_mutexattr_setpshared, 2.2.5);
MULTIPROC_PIN(pthread_mutexattr_setrobust, 2.12);
MULTIPROC_PIN(pthread_mutexattr_settype, 2.2.5);
MULTIPROC_PIN(pthread_once, 2.2.5);
MULTIPROC_PIN(pthread_setname_np, 2.12);
MULTIPROC_PIN(pthread_setspecific, 2.2.5);
MULTIPROC_PIN(pthread_sigmask, 2.2.5);
MULTIPROC_PIN(sem_close, 2.2.5);
MULTIPROC_PIN(sem_destroy, 2.2.5);
MULTIPROC_PIN(sem_getvalue, 2.2.5);
MULTIPROC_PIN(sem_init, 2.2.5);
MULTIPROC_PIN(sem_open, 2.2.5);
MULTIPROC_PIN(sem_post, 2.2.5);
MULTIPROC_PIN(sem_timedwait, 2.2.5);
MULTIPROC_PIN(sem_trywait, 2.2.5);
MULTIPROC_PIN(sem_unlink, 2.2.5);
MULTIPROC_PIN(sem_wait, 2.2.5);

#undef MULTIPROC_PIN
#endif
#endif
