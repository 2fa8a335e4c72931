// Ends the process in the middle of an import.
await new Promise(setImmediate);
process.kill(process.pid, 'SIGKILL');

export {};
