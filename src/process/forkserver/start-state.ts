/**
 * The state of this process that a program inherits at its start and that cannot be changed in a running child: what the
 * kernel keeps for a process, and the environment variables that are read once.
 */
import { native } from '../../native.js';

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Variables that Node, V8, libuv, OpenSSL, ICU or the C library read once, at their start or first use: a copy of a
 * running process would keep the earlier value.
 */
const readOnce =
  /^(NODE_|UV_|SSL_CERT_|OPENSSL_|SSLKEYLOGFILE$|LD_|GLIBC_TUNABLES$|MALLOC_|LC_|LANG$|LANGUAGE$|LOCPATH$|TZDIR$|ICU_|RES_OPTIONS$|LOCALDOMAIN$|HOSTALIASES$|GCONV_PATH$|[ALTU]SAN_OPTIONS$)/;

/** Read at the start only if `NODE_USE_ENV_PROXY` is set. */
const proxies = /^(HTTPS?|NO|ALL)_PROXY$/i;

/** The state, as one text per attribute: two processes with equal texts have equal state. */
export function startState(environment: Variables): string {
  return `${native.inheritedAttributes()}${variablesReadOnce(environment)}`;
}

/** The variables among these that are read once, as text. */
export function variablesReadOnce(environment: Variables): string {
  const usesProxies = (environment.NODE_USE_ENV_PROXY ?? '') !== '';
  const names = Object.keys(environment).filter((name) => readOnce.test(name) || (usesProxies && proxies.test(name)));
  return names
    .sort()
    .map((name) => `${name}\t${environment[name]}\n`)
    .join('');
}

/** The names of the attributes in which two states differ. */
export function changedAttributes(before: string, after: string): string[] {
  const lines = new Set(before.split('\n'));
  const others = new Set(after.split('\n'));
  const changed = [...lines].filter((line) => !others.has(line)).concat([...others].filter((line) => !lines.has(line)));
  return [...new Set(changed.map((line) => line.split(/:?\t/, 1)[0] as string))];
}
