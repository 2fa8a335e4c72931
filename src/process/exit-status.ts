/** Signals by name and number, as exit codes speak of them. */
import { constants } from 'node:os';

const { signals } = constants;

/** The name of the signal behind a negative exit code; `null` for the others. */
export function signalNameOf(exitCode: number | null): NodeJS.Signals | null {
  if (exitCode === null || exitCode >= 0) return null;
  const name = Object.entries(signals).find(([, number]) => number === -exitCode)?.[0];
  // Real-time signals have no names in Node.
  return (name ?? `SIG${-exitCode}`) as NodeJS.Signals;
}

/** `-SIGKILL` for −9, `1` for 1. */
export function describeExitCode(exitCode: number): string {
  const name = signalNameOf(exitCode);
  return name === null ? String(exitCode) : `-${name}`;
}
