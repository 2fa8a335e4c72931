/** Limits of a child's JavaScript engine: those of a Worker, and for a process the flags of V8 that mean the same. */
import { checkedBy, type Kind, kind } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';

/** Limits in MiB, as `resourceLimits` of a Worker has them. */
export interface ResourceLimits {
  /** The heap for objects that have survived collections. */
  maxOldGenerationSizeMb?: number | undefined;
  /** The heap for new objects. */
  maxYoungGenerationSizeMb?: number | undefined;
  /** The memory range for generated code. Of threads only. */
  codeRangeSizeMb?: number | undefined;
  /** The stack. Default 4 in a thread. */
  stackSizeMb?: number | undefined;
}

const size: Kind<number> = kind('a positive number of MiB', (value) => typeof value === 'number' && value > 0);

const table = new OptionTable<ResourceLimits>({
  maxOldGenerationSizeMb: size,
  maxYoungGenerationSizeMb: size,
  codeRangeSizeMb: size,
  stackSizeMb: size,
});

export const resourceLimitsKind: Kind<ResourceLimits> = checkedBy((value) => {
  if (value === null) throw new TypeError('Expected "resourceLimits" to be an object, got null');
  table.check(value as ResourceLimits, 'resourceLimits');
});

/** V8 sizes the young generation by one of its three semi-spaces. */
const semiSpaces = 3;

/**
 * The flags of node by which a process has these limits.
 *
 * @throws TypeError for a limit that only threads can have
 */
export function limitFlags(limits: ResourceLimits): string[] {
  const {
    maxOldGenerationSizeMb: old,
    maxYoungGenerationSizeMb: young,
    codeRangeSizeMb: code,
    stackSizeMb: stack,
  } = limits;
  if (code !== undefined)
    throw new TypeError('"resourceLimits.codeRangeSizeMb" is for threads: a process has no such limit');
  const flags: string[] = [];
  if (old !== undefined) flags.push(`--max-old-space-size=${Math.max(Math.round(old), 1)}`);
  if (young !== undefined) flags.push(`--max-semi-space-size=${Math.max(Math.floor(young / semiSpaces), 1)}`);
  if (stack !== undefined) flags.push(`--stack-size=${Math.round(stack * 1024)}`);
  return flags;
}
