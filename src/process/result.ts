/** The result of a child's target, or the error in its place. */
import { ProcessError } from '../errors.js';
import { deserialize } from '../serialize/codec.js';
import type { Child } from './child.js';
import { type Answer, Outcome } from './errand.js';
import { signalNameOf } from './exit-status.js';

export async function resultOf(child: Child, name: string): Promise<unknown> {
  await new Promise<void>((resolve) => child.onAnswer(resolve));
  const answer = child.takeAnswer();
  if (answer === undefined) throw unanswered(name, child.poll() as number, child.failedCommand);
  return read(answer);
}

function read({ outcome, bytes }: Answer): unknown {
  const value = deserialize(bytes);
  if (outcome !== Outcome.returned) throw value;
  return value;
}

/** Signals by which programs end their children. */
const asked: readonly (string | null)[] = ['SIGINT', 'SIGKILL', 'SIGTERM'];

function unanswered(name: string, exitCode: number, failedCommand: string | undefined): ProcessError {
  const signal = signalNameOf(exitCode);
  const how = signal === null ? `ended with exit code ${exitCode}` : `was ended by ${signal}`;
  const why =
    failedCommand === undefined || asked.includes(signal)
      ? ''
      : `. Its work had not begun: ${failedCommand} could not start, or a module that was loaded ended it; its stderr tells why`;
  return new ProcessError(`${name} ${how} before its target had settled${why}`, { code: 'ERR_MULTIPROC_NO_RESULT' });
}
