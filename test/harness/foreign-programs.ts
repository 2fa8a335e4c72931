/** The C program that the tests of shared memory and semaphores speak with: the least that shares a name. */
export const program = `
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *what) { perror(what); exit(1); }

static unsigned char *map(const char *name, int flags, size_t size, size_t *mapped) {
  int fd = shm_open(name, flags | O_RDWR, 0600);
  if (fd < 0) die("shm_open");
  if (size > 0 && ftruncate(fd, size) != 0) die("ftruncate");
  struct stat facts;
  if (fstat(fd, &facts) != 0) die("fstat");
  *mapped = facts.st_size;
  unsigned char *bytes = mmap(0, facts.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (bytes == MAP_FAILED) die("mmap");
  return bytes;
}

static void await_line(void) { char line[64]; if (!fgets(line, sizeof line, stdin)) exit(2); }
static void say(const char *text) { puts(text); fflush(stdout); }

int main(int argc, char **argv) {
  const char *what = argv[1], *name = argv[2];
  size_t size;
  if (!strcmp(what, "make-shm")) {
    unsigned char *bytes = map(name, O_CREAT | O_EXCL, 5000, &size);
    for (size_t i = 0; i < size; i++) bytes[i] = i * 7;
    say("made");
    await_line();
    printf("%d\\n", bytes[4999]);
  } else if (!strcmp(what, "read-shm")) {
    unsigned char *bytes = map(name, 0, 0, &size);
    unsigned long sum = 0;
    for (size_t i = 0; i < size; i++) sum += bytes[i];
    bytes[0] = 200;
    printf("%zu %lu\\n", size, sum);
  } else if (!strcmp(what, "make-sem")) {
    if (sem_open(name, O_CREAT | O_EXCL, 0600, atoi(argv[3])) == SEM_FAILED) die("sem_open");
    say("made");
  } else {
    sem_t *semaphore = sem_open(name, 0);
    if (semaphore == SEM_FAILED) die("sem_open");
    if (!strcmp(what, "hold")) {
      if (sem_wait(semaphore) != 0) die("sem_wait");
      say("held");
      await_line();
      if (sem_post(semaphore) != 0) die("sem_post");
      say("posted");
    } else if (!strcmp(what, "post")) {
      for (int i = atoi(argv[3]); i > 0; i--) if (sem_post(semaphore) != 0) die("sem_post");
    } else if (!strcmp(what, "count")) {
      volatile unsigned *counter = (volatile unsigned *)map(argv[4], 0, 0, &size);
      say("ready");
      await_line();
      for (int i = atoi(argv[3]); i > 0; i--) {
        if (sem_wait(semaphore) != 0) die("sem_wait");
        unsigned before = *counter;
        for (volatile int spin = 0; spin < 20; spin++) {}
        *counter = before + 1;
        if (sem_post(semaphore) != 0) die("sem_post");
      }
      say("counted");
    }
  }
  return 0;
}
`;

/** Runs each line that it reads. */
export const pythonLoop = `
import sys
names = {}
for line in sys.stdin:
    exec(line, names)
    sys.stdout.flush()
`;
