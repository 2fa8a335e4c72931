// Freed memory: large blocks that come and go are not faulted in anew each time.
#include "sys/freed_memory.h"

#include <sys/resource.h>

#include <cstdlib>
#include <cstring>

#include "check.h"

namespace {

using namespace multiproc;

constexpr int kBlocks = 24;
constexpr size_t kSize = 1 << 20;
constexpr long kPages = kBlocks * kSize / 4096;

long faults_of_a_round() {
  rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  void* blocks[kBlocks];
  for (void*& block : blocks) {
    block = malloc(kSize);
    memset(block, 1, kSize);
  }
  for (void* block : blocks) free(block);
  getrusage(RUSAGE_SELF, &after);
  return after.ru_minflt - before.ru_minflt;
}

// Other allocators, and glibc with settings of the user's, keep what they like.
bool learns() {
#if defined(__GLIBC__)
  if (check::kAddressSanitizer || check::kThreadSanitizer) return false;
  for (const char* name : {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES"}) {
    if (getenv(name) != nullptr) return false;
  }
  return true;
#else
  return false;
#endif
}

}  // namespace

TEST("large blocks that were freed are used again without page faults") {
  if (!learns()) SKIP("this malloc does not learn");
  CHECK(faults_of_a_round() >= kPages);
  // Not without learning: the kernel gets them back.
  CHECK(faults_of_a_round() >= kPages / 2);
  sys::keep_freed_memory();
  faults_of_a_round();
  CHECK(faults_of_a_round() < kPages / 20);
}

int main(int argc, char** argv) { return check::main(argc, argv); }
