// Starting programs: they run where and with what they were told, and one that cannot run is an error with its reason.
#include "sys/child.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>

#include <string>

#include "check.h"
#include "sys/descriptors.h"
#include "sys/grace.h"
#include "sys/life_tie.h"
#include "sys/process_end.h"
#include "sys/process_file.h"

using namespace multiproc;
using namespace multiproc::sys;
using check::Child;

namespace {

int open_descriptors() {
  int open = 0;
  for (int fd = 0; fd < 256; fd++) open += fcntl(fd, F_GETFD) != -1;
  return open;
}

int status_of(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) == -1 && errno == EINTR) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// Runs a line of shell; what it wrote to descriptor 1.
std::string output_of(const std::string& line, std::vector<std::string> environment = {}, std::string directory = "/",
                      std::vector<int> more = {}, int* status = nullptr) {
  int ends[2];
  CHECK_EQUAL(pipe2(ends, O_CLOEXEC), 0);
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  SpawnRequest request = {"/bin/sh", {"sh", "-c", line}, environment, directory, {nothing, ends[1], 2}};
  for (int fd : more) request.descriptors.push_back(fd);
  pid_t pid = -1;
  CHECK_EQUAL(spawn_process(request, &pid).code, 0);
  close_descriptors({nothing, ends[1]});
  std::string text;
  char buffer[1024];
  for (ssize_t got; (got = read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(got));
  close(ends[0]);
  int code = status_of(pid);
  if (status != nullptr) *status = code;
  return text;
}

}  // namespace

TEST("a program gets its arguments, environment, directory and exit code") {
  int status = -1;
  std::string text = output_of("pwd; echo $A; echo ${HOME-unset}; exit 7", {"A=b c"}, "/usr/bin", {}, &status);
  CHECK(text == "/usr/bin\nb c\nunset\n");
  CHECK_EQUAL(status, 7);
}

TEST("a program has the descriptors that it was given and no other, whatever their numbers were") {
  int before = open_descriptors();
  int files[2];
  for (int i = 0; i < 2; i++) {
    CHECK_EQUAL(memory_file("given", &files[i]).code, 0);
    CHECK_EQUAL(dprintf(files[i], "file %d", i), 6);
    lseek(files[i], 0, SEEK_SET);
  }
  // Without close-on-exec; and files that lie at each other's future places.
  int loose = open("/dev/null", O_RDONLY);
  int low = fcntl(files[0], F_DUPFD_CLOEXEC, 3), lower = fcntl(files[1], F_DUPFD_CLOEXEC, 3);
  CHECK(output_of("cat <&3; echo; cat <&4", {}, "/", {low, lower}) == "file 0\nfile 1");
  lseek(files[0], 0, SEEK_SET);
  lseek(files[1], 0, SEEK_SET);
  CHECK(output_of("cat <&3; echo; cat <&4", {}, "/", {lower, low}) == "file 1\nfile 0");
  std::string listed = output_of("for i in 3 4 5 6 7 8 9; do test -e /proc/self/fd/$i && echo $i; done; true");
  CHECK(listed.empty());
  close_descriptors({files[0], files[1], loose, low, lower});
  CHECK_EQUAL(open_descriptors(), before);
}

TEST("what cannot be run is told with its reason, and leaves neither a process nor a descriptor") {
  if (check::kThreadSanitizer) SKIP("this sanitizer turns vfork into fork: the reason stays in the child");
  int before = open_descriptors();
  struct {
    const char* file;
    const char* directory;
    int descriptor, code;
    const char* call;
  } const cases[] = {{"/no/such/program", "/", 0, ENOENT, "execve"},
                     {"/etc/passwd", "/", 0, EACCES, "execve"},
                     {"/", "/", 0, EACCES, "execve"},
                     {"/bin/sh", "/no/such/place", 0, ENOENT, "chdir"},
                     {"/bin/sh", "/etc/passwd", 0, ENOTDIR, "chdir"},
                     {"/bin/sh", "/", 200, EBADF, "dup2"}};
  for (auto& one : cases) {
    pid_t pid = -1;
    Failure failure = spawn_process({one.file, {"x", "-c", "exit 0"}, {}, one.directory, {one.descriptor, 1, 2}}, &pid);
    CHECK_EQUAL(failure.code, one.code);
    CHECK(strcmp(failure.call, one.call) == 0);
    CHECK_EQUAL(waitpid(-1, nullptr, WNOHANG), -1);
    CHECK_EQUAL(errno, ECHILD);
    CHECK_EQUAL(open_descriptors(), before);
  }
}

TEST("signals are at their default and let through in the program, and untouched here") {
  sigset_t blocked, now;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  CHECK_EQUAL(pthread_sigmask(SIG_BLOCK, &blocked, nullptr), 0);
  static volatile sig_atomic_t caught = 0;
  struct sigaction action = {}, after;
  action.sa_handler = [](int) { caught = caught + 1; };
  CHECK_EQUAL(sigaction(SIGUSR1, &action, nullptr), 0);
  int status = 0;
  output_of("kill -TERM $$", {}, "/", {}, &status);
  CHECK_EQUAL(status, -SIGTERM);
  output_of("kill -USR1 $$", {}, "/", {}, &status);
  CHECK_EQUAL(status, -SIGUSR1);
  output_of("kill -PIPE $$", {}, "/", {}, &status);
  CHECK_EQUAL(status, -SIGPIPE);
  CHECK_EQUAL(sigaction(SIGUSR1, nullptr, &after), 0);
  CHECK(after.sa_handler == action.sa_handler);
  CHECK_EQUAL(pthread_sigmask(SIG_BLOCK, nullptr, &now), 0);
  CHECK_EQUAL(sigismember(&now, SIGTERM), 1);
  CHECK_EQUAL(sigismember(&now, SIGUSR2), 0);
  raise(SIGUSR1);
  CHECK_EQUAL(static_cast<int>(caught), 1);
}

TEST("a process that is tied to another ends with it, also when it ignores SIGTERM") {
  for (bool deaf : {false, true}) {
    Child other([](Child&) { pause(); });
    Child tied([&](Child& parent) {
      signal(SIGTERM, deaf ? SIG_IGN : SIG_DFL);
      int process = -1;
      CHECK_EQUAL(process_file(other.pid(), &process).code, 0);
      CHECK_EQUAL(tie_life_to(process, 10'000'000).code, 0);
      parent.say();
      for (;;) pause();
    });
    tied.hear();
    other.kill();
    CHECK_EQUAL(tied.join(), deaf ? -SIGKILL : -SIGTERM);
  }
}

TEST("of a grace only that counts in which the process could do something") {
  constexpr int64_t kLong = 3'600'000'000'000;
  auto stay_on_one_processor = [] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    CHECK_EQUAL(sched_setaffinity(0, sizeof one, &one), 0);
  };
  cpu_set_t before;
  CHECK_EQUAL(sched_getaffinity(0, sizeof before, &before), 0);
  stay_on_one_processor();
  auto spin = [](Child& parent) {
    parent.say();
    for (;;) continue;
  };
  Child asleep([](Child& parent) {
    parent.say();
    for (;;) pause();
  });
  asleep.hear();
  Child one(spin), other(spin);
  one.hear();
  other.hear();
  CHECK_EQUAL(sched_setaffinity(0, sizeof before, &before), 0);
  int64_t begun = monotonic_ns();
  Grace of_sleeper(asleep.pid(), kLong), of_spinner(one.pid(), kLong);
  for (int look = 0; look < 25; look++) {
    usleep(20'000);
    CHECK(!of_sleeper.over());
    CHECK(!of_spinner.over());
  }
  int64_t passed = monotonic_ns() - begun;
  CHECK(of_sleeper.used_ns() > passed / 10 * 9);
  // Half of it would be fair; the other has had some.
  CHECK(of_spinner.used_ns() < passed / 10 * 8);
  Grace spent(asleep.pid(), 1);
  usleep(1'000);
  CHECK(spent.over());
  for (Child* child : {&asleep, &one, &other}) CHECK_EQUAL(child->kill(), -SIGKILL);
}

TEST("whoever has a pidfd of a process can see how it ended, until it is reaped and from Linux 6.15 on after that") {
  for (int wanted : {0, 7, 255, -SIGKILL, -SIGTERM}) {
    Child child([wanted](Child&) {
      if (wanted < 0) raise(-wanted);
      _exit(wanted);
    });
    int process = -1;
    CHECK_EQUAL(process_file(child.pid(), &process).code, 0);
    pollfd ended = {process, POLLIN, 0};
    CHECK_EQUAL(poll(&ended, 1, -1), 1);
    auto code = [&](int missing) {
      ChildEnd end;
      if (!process_end(process, &end)) return missing;
      return end.signal == 0 ? end.code : -end.signal;
    };
    CHECK_EQUAL(code(-1000), wanted);
    CHECK_EQUAL(child.join(), wanted);
    // An older kernel does not know it any more, and says nothing wrong.
    CHECK_EQUAL(code(wanted), wanted);
    close(process);
  }
  ChildEnd end;
  CHECK(!process_end(open("/dev/null", O_RDONLY | O_CLOEXEC), &end));
  CHECK(!process_end(-1, &end));
}

TEST("who may not look into a process is not told that it ended well") {
  if (getuid() != 0) SKIP("needs root, to become others");
  Child foreign([](Child&) { _exit(setresuid(1000, 1000, 1000)); });
  int process = -1;
  CHECK_EQUAL(process_file(foreign.pid(), &process).code, 0);
  pollfd ended = {process, POLLIN, 0};
  CHECK_EQUAL(poll(&ended, 1, -1), 1);
  Child stranger([process](Child&) {
    ChildEnd end;
    if (setresuid(1001, 1001, 1001) != 0) _exit(2);
    _exit(process_end(process, &end) ? 1 : 0);
  });
  CHECK_EQUAL(stranger.join(), 0);
  CHECK_EQUAL(foreign.join(), 0);
  close(process);
}

int main(int argc, char** argv) { return check::main(argc, argv); }
