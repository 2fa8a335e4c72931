/** Environments of children, sent as the difference from that of their server: mostly nothing. */

type Variables = Readonly<Record<string, string>>;

/** Returns the changes that turn `from` into `to`. */
export function difference(from: Variables, to: Variables): Record<string, string | null> {
  const changes: Record<string, string | null> = {};
  for (const name of Object.keys(from)) if (!Object.hasOwn(to, name)) changes[name] = null;
  for (const [name, value] of Object.entries(to)) if (from[name] !== value) changes[name] = value;
  return changes;
}

/** Applies the changes to this process's environment. */
export function changeEnvironment(changes: Readonly<Record<string, string | null>>): void {
  for (const name of Object.keys(changes)) {
    const value = changes[name] as string | null;
    if (value === null) delete process.env[name];
    else process.env[name] = value;
  }
}

/** Returns this process's current environment. */
export function ownEnvironment(): Record<string, string> {
  return { ...process.env } as Record<string, string>;
}
