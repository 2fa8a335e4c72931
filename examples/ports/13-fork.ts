// node --single-threaded
// One call returns twice: 0 in the child, the child's pid in the parent.
import { fork, waitpid } from 'multiproc/posix';

const start = process.pid;
console.log(`Process (${start}) start...`); // → /^Process \(\d+\) start\.\.\.$/
const pid = fork();
if (pid === 0) {
  console.log(`I am child process and my parent is the one that started: ${process.ppid === start}.`);
} else {
  const end = waitpid(pid); // → I am child process and my parent is the one that started: true.
  console.log(`I (${process.pid}) just created a child process (${pid}).`); // → /^I \(\d+\) just created a child process \(\d+\)\.$/
  console.log(end?.pid === pid, end?.exitCode); // → true 0
}
