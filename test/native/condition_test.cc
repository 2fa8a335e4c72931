// The condition's records: as many are woken as were notified, the dead are skipped, and leave nothing to be lost.
#include "sync/condition.h"

#include <sys/mman.h>

#include "check.h"
#include "sync/registry.h"
#include "sync/wait.h"

using namespace multiproc;
using namespace multiproc::sync;
using check::attach_here;
using check::Child;

namespace {

ConditionWords& words() {
  void* memory = mmap(nullptr, sizeof(ConditionWords), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  return *static_cast<ConditionWords*>(memory);
}

bool wait_ms(ConditionWords& condition, int64_t ms) {
  Target target = {Target::Kind::condition, &condition.cursor, reinterpret_cast<Word*>(&condition), 0, 1};
  int64_t deadline = ms < 0 ? sys::kForever : sys::monotonic_ns() + ms * sys::kMillisecond;
  return wait_until(target, attach_here(), deadline) != kNotYet;
}

// Enters, says so, waits, and takes its signal.
void wait_once(ConditionWords& condition, Child& parent) {
  uint32_t me = attach_here();
  CHECK(condition_enter(condition, me));
  parent.say('w');
  CHECK(wait_ms(condition, -1));
  condition_consume(condition, me);
  parent.say('y');
}

}  // namespace

TEST("waits are counted, notified, claimed and given up") {
  ConditionWords& condition = words();
  uint32_t me = attach_here();
  CHECK_EQUAL(condition_notify(condition, 3), 0u);
  for (int i = 0; i < 3; i++) CHECK(condition_enter(condition, me));
  CHECK_EQUAL(condition_waiting(condition), 3u);
  CHECK(!condition_signalled(condition, me, 0));
  CHECK(!wait_ms(condition, 5));
  CHECK_EQUAL(condition_notify(condition, 1), 1u);
  CHECK(condition_signalled(condition, me, 0));
  CHECK(!condition_signalled(condition, me, 1));
  CHECK(wait_ms(condition, -1));
  CHECK(!condition_leave(condition, me, 0));
  CHECK(condition_leave(condition, me, 1));
  CHECK_EQUAL(condition_waiting(condition), 1u);
  condition_consume(condition, me);
  CHECK(!condition_signalled(condition, me, 0));
  CHECK_EQUAL(condition_notify(condition, kEverybodyWaiting), 1u);
  condition_consume(condition, me);
  CHECK_EQUAL(condition_notify(condition, 1), 0u);
}

TEST("there is room for 65,535 waits of one participant and not for more") {
  ConditionWords& condition = words();
  uint32_t me = attach_here();
  for (uint32_t i = 0; i < kMostConditionWaits; i++) CHECK(condition_enter(condition, me));
  CHECK(!condition_enter(condition, me));
  CHECK_EQUAL(condition_notify(condition, kEverybodyWaiting), kMostConditionWaits);
}

TEST("a notify skips who was killed, round after round") {
  ConditionWords& condition = words();
  attach_here();
  for (int round = 0; round < 10; round++) {
    auto body = [&](Child& parent) { wait_once(condition, parent); };
    Child killed(body), first(body), second(body);
    for (Child* child : {&killed, &first, &second}) CHECK_EQUAL(child->hear(), 'w');
    killed.kill();
    CHECK_EQUAL(condition_notify(condition, 2), 2u);
    condition_wake(condition);
    CHECK_EQUAL(first.hear(), 'y');
    CHECK_EQUAL(second.hear(), 'y');
    CHECK_EQUAL(condition_waiting(condition), 0u);
    CHECK_EQUAL(first.join() + second.join(), 0);
  }
}

TEST("what a waiter was notified of before it died passes to the other") {
  ConditionWords& condition = words();
  attach_here();
  for (int round = 0; round < 10; round++) {
    auto body = [&](Child& parent) { wait_once(condition, parent); };
    Child killed(body);
    CHECK_EQUAL(killed.hear(), 'w');
    killed.signal(SIGSTOP);
    CHECK_EQUAL(condition_notify(condition, 1), 1u);
    condition_wake(condition);
    Child other(body);
    CHECK_EQUAL(other.hear(), 'w');
    killed.kill();
    CHECK_EQUAL(other.hear(), 'y');
    CHECK_EQUAL(other.join(), 0);
  }
}

int main(int argc, char** argv) { return check::main(argc, argv); }
