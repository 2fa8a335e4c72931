// node --single-threaded
import { fork, waitpid } from 'multiproc/posix';

const table = Array.from({ length: 1000 }, (_, i) => i * i); // the children share its memory until somebody writes

const children = [0, 1].map((half) => {
  const pid = fork();
  if (pid === 0) {
    const sum = table.slice(half * 500, half * 500 + 500).reduce((a, b) => a + b);
    process.exit(sum % 100);
  }
  return pid;
});

for (const pid of children) {
  const end = waitpid(pid);
  console.log(end?.exitCode, end?.signal);
}
// → 50 null
// → 50 null
