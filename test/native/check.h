// Checks of a C++ test program: TEST names a property, CHECK ends the process where it does not hold, and `processes`
// below are children that are told what to do and say when they have done it.
//
// Output is TAP. A program runs all its tests, or those whose names contain its argument. Every program works in a
// namespace of its own (MULTIPROC_NAMESPACE) and removes its registry and its segments at the end.
#pragma once

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <new>
#include <string>
#include <vector>

#include "sync/registry.h"
#include "sys/clock.h"
#include "sys/shm_file.h"

namespace check {

#if defined(__SANITIZE_THREAD__)
constexpr bool kThreadSanitizer = true;
#else
constexpr bool kThreadSanitizer = false;
#endif
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kAddressSanitizer = true;
#else
constexpr bool kAddressSanitizer = false;
#endif

struct Test {
  const char* name;
  void (*body)();
};

inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

struct Registration {
  Registration(const char* name, void (*body)()) { tests().push_back({name, body}); }
};

// The reason why a test cannot run here; set by SKIP.
inline std::string& skipped() {
  static std::string reason;
  return reason;
}

[[noreturn]] inline void fail(const char* file, int line, const std::string& what) {
  fprintf(stderr, "# %s:%d: %s\n", file, line, what.c_str());
  fflush(nullptr);
  _exit(70);
}

#define CHECK_JOIN2(a, b) a##b
#define CHECK_JOIN(a, b) CHECK_JOIN2(a, b)
#define TEST(name)                                                                            \
  static void CHECK_JOIN(body_, __LINE__)();                                                  \
  static check::Registration CHECK_JOIN(entry_, __LINE__)(name, CHECK_JOIN(body_, __LINE__)); \
  static void CHECK_JOIN(body_, __LINE__)()
#define CHECK(condition) \
  if (!(condition)) check::fail(__FILE__, __LINE__, "not so: " #condition)
#define CHECK_EQUAL(got, wanted) check::equal(__FILE__, __LINE__, #got, (got), (wanted))
#define SKIP(reason)             \
  {                              \
    check::skipped() = (reason); \
    return;                      \
  }

template <typename A, typename B>
void equal(const char* file, int line, const char* what, const A& got, const B& wanted) {
  if (got == static_cast<A>(wanted)) return;
  fail(file, line, std::string(what) + " is " + std::to_string(got) + ", expected " + std::to_string(wanted));
}

inline void nap(int64_t ms) {
  timespec time = {ms / 1000, ms % 1000 * 1'000'000};
  nanosleep(&time, nullptr);
}

// Waits for something that another process or thread does. A hang ends the program instead of lasting for ever.
template <typename Condition>
void eventually(Condition condition, const char* what, int seconds = 60) {
  int64_t deadline = multiproc::sys::monotonic_ns() + seconds * 1'000'000'000LL;
  while (!condition()) {
    if (multiproc::sys::monotonic_ns() > deadline) fail(__FILE__, __LINE__, std::string("never came: ") + what);
    nap(1);
  }
}

// A forked child that runs `body` as a participant of its own. It talks with its parent by single bytes.
class Child {
 public:
  explicit Child(const std::function<void(Child&)>& body) {
    int down[2], up[2];
    if (pipe(down) != 0 || pipe(up) != 0) fail(__FILE__, __LINE__, "pipe failed");
    fflush(nullptr);
    pid_ = fork();
    if (pid_ == -1) fail(__FILE__, __LINE__, "fork failed");
    bool child = pid_ == 0;
    in_ = child ? down[0] : up[0];
    out_ = child ? up[1] : down[1];
    close(child ? down[1] : up[1]);
    close(child ? up[0] : down[0]);
    if (!child) return;
    multiproc::sync::forget_participant();
    body(*this);
    fflush(nullptr);
    _exit(0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(in_);
    close(out_);
  }

  void say(char what = '.') {
    ssize_t written = write(out_, &what, 1);
    if (written != 1) fail(__FILE__, __LINE__, "the other side has gone");
  }

  // The next byte from the other side; the program ends if there is none within a minute.
  char hear() {
    pollfd ready = {in_, POLLIN, 0};
    char what = 0;
    int seen;
    do seen = poll(&ready, 1, 60'000);
    while (seen == -1 && errno == EINTR);
    if (seen != 1 || read(in_, &what, 1) != 1) fail(__FILE__, __LINE__, "the other side says nothing");
    return what;
  }

  template <typename T>
  void send(const T& value) {
    if (write(out_, &value, sizeof value) != static_cast<ssize_t>(sizeof value)) fail(__FILE__, __LINE__, "send");
  }

  template <typename T>
  T receive() {
    T value;
    for (size_t got = 0; got < sizeof value; got++) reinterpret_cast<char*>(&value)[got] = hear();
    return value;
  }

  pid_t pid() const { return pid_; }
  void signal(int number) { ::kill(pid_, number); }

  // Ends it and waits until it is gone. Its exit code, or minus the signal.
  int kill() {
    ::kill(pid_, SIGKILL);
    return join();
  }
  int join() {
    int status = 0;
    while (waitpid(pid_, &status, 0) == -1 && errno == EINTR) continue;
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_;
  int in_, out_;
};

// Names of this program's own in /dev/shm.
inline std::string name(const std::string& plain) {
  return std::string("multiproc-test.") + getenv("MULTIPROC_NAMESPACE") + "." + plain;
}

inline std::vector<std::string> names() {
  std::vector<std::string> found;
  std::string space = getenv("MULTIPROC_NAMESPACE");
  DIR* folder = opendir("/dev/shm");
  while (dirent* entry = readdir(folder)) {
    if (strstr(entry->d_name, space.c_str()) != nullptr) found.push_back(entry->d_name);
  }
  closedir(folder);
  return found;
}

// Each test runs in a process of its own, so that none inherits another's participant, mappings or limits.
inline int run(const Test& test, std::string* skip) {
  int report[2];
  if (pipe(report) != 0) return 1;
  fflush(nullptr);
  pid_t pid = fork();
  if (pid == 0) {
    close(report[0]);
    setpgid(0, 0);
    test.body();
    if (!skipped().empty() && write(report[1], skipped().data(), skipped().size()) < 0) _exit(71);
    fflush(nullptr);
    exit(0);  // Not _exit: the sanitizers have their last word there.
  }
  close(report[1]);
  char text[256];
  ssize_t length = read(report[0], text, sizeof text);
  if (length > 0) skip->assign(text, static_cast<size_t>(length));
  close(report[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  kill(-pid, SIGKILL);  // Children of a test that failed; its group is its own.
  if (status != 0) {
    for (const std::string& left : names()) multiproc::sys::unlink_file(left);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

inline int main(int argc, char** argv) {
  std::string space = "t" + std::to_string(getpid());
  setenv("MULTIPROC_NAMESPACE", space.c_str(), 1);
  signal(SIGPIPE, SIG_IGN);
  const char* wanted = argc > 1 ? argv[1] : "";
  int count = 0, failures = 0;
  for (const Test& test : tests()) {
    if (strstr(test.name, wanted) == nullptr) continue;
    std::string skip;
    int code = run(test, &skip);
    count++;
    if (code != 0) failures++;
    printf("%sok %d - %s", code == 0 ? "" : "not ", count, test.name);
    if (code == 0 && !skip.empty()) printf(" # SKIP %s", skip.c_str());
    if (code != 0) printf(" (exit code %d)", code);
    printf("\n");
  }
  // The registry is made to stay; everything else must have gone by itself.
  std::string registry = multiproc::sync::registry_name();
  for (const std::string& left : names()) {
    if (left != registry) {
      printf("# left behind: %s\n", left.c_str());
      failures++;
    }
    multiproc::sys::unlink_file(left);
  }
  printf("1..%d\n", count);
  return failures == 0 ? 0 : 1;
}

// Attaches the calling thread and returns its participant.
inline uint32_t attach_here() {
  uint32_t owner = 0;
  CHECK_EQUAL(multiproc::sync::attach(&owner).code, 0);
  return owner;
}

// Makes an object in memory that children share.
template <typename T>
T* make_shared() {
  void* memory = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  return new (memory) T();
}

}  // namespace check
