// A process of `scripts/test.js --jobs N` with a /dev/shm of its own: runs the files that it is sent, one at a time.
import { run } from './test-file.js';

process.on('message', ({ file, options }) => {
  run(file, options).then(
    (result) => process.send(result),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
});
