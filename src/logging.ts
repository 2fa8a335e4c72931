/** The package's logger: Python's levels, methods and line format, silent until a handler is added. */

import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'node:util';
import { describe } from './options/describe.js';
import { writeToStderr } from './stderr.js';
import { wallClock } from './timing.js';

/** Levels of records, as in Python's `logging`. */
export const LogLevel = {
  NOTSET: 0,
  SUBDEBUG: 5,
  DEBUG: 10,
  INFO: 20,
  SUBWARNING: 25,
  WARNING: 30,
  ERROR: 40,
  CRITICAL: 50,
} as const;

/** The name of a level. */
export type LogLevelName = keyof typeof LogLevel;

/** One message, as handlers get it. */
export interface LogRecord {
  /** Name of the logger: `'multiprocessing'`. */
  readonly name: string;
  /** One of {@link LogLevel}, or a number between. */
  readonly level: number;
  /** Its name, as in `LogLevel`. */
  readonly levelName: string;
  /** The text, with its arguments in it. */
  readonly message: string;
  /** Name of the process that logged it. */
  readonly processName: string;
  /** Pid of that process. */
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly created: number;
  /** The file that called the logger. */
  readonly pathName: string;
  /** Its last part. */
  readonly fileName: string;
  /** In that file, from 1. */
  readonly line: number;
}

/** A receiver of records. One that throws is reported on stderr; the others get the record all the same. */
export type LogHandler = (record: LogRecord) => void;

/** The logging settings that a child inherits from its creator. */
export interface LoggingState {
  readonly level: number;
  readonly toStderr: boolean;
}

/** The initial level of Python's root logger, which this one follows. */
const defaultLevel = LogLevel.WARNING;

let processName: () => string = () => 'MainProcess';

/** The layer that knows tells what this process is called. */
export function nameRecordsBy(name: () => string): void {
  processName = name;
}

/** Returns the name of this process, or in `multiproc/dummy` of this thread. */
export function nameOfProcess(): string {
  return processName();
}

/** The logger of this package; see {@link getLogger}. Mirrors Python's `logging.Logger`. */
export class Logger {
  readonly name = 'multiprocessing';
  /** Records go to this logger's own handlers only. */
  readonly propagate = false;
  /** The receivers of records; none at first. */
  readonly handlers: LogHandler[] = [];
  #level: number = LogLevel.NOTSET;

  /** The level that was set; 0 while none was. */
  get level(): number {
    return this.#level;
  }

  /**
   * Drops records below the level from now on.
   *
   * @param level - a number, or a name such as `'INFO'`
   * @throws TypeError for anything else
   */
  setLevel(level: number | LogLevelName): void {
    this.#level = levelNumber(level);
  }

  /** The level that counts: WARNING (30) while none was set. */
  getEffectiveLevel(): number {
    return this.#level === LogLevel.NOTSET ? defaultLevel : this.#level;
  }

  /** Whether a record of this level would go anywhere. */
  isEnabledFor(level: number | LogLevelName): boolean {
    return levelNumber(level) >= this.getEffectiveLevel();
  }

  /** Records go to this handler, too, from now on. */
  addHandler(handler: LogHandler): void {
    if (typeof handler !== 'function')
      throw new TypeError(`Expected "handler" to be a function, got ${describe(handler)}`);
    if (!this.handlers.includes(handler)) this.handlers.push(handler);
  }

  /** Records do not go to this handler any more. */
  removeHandler(handler: LogHandler): void {
    const index = this.handlers.indexOf(handler);
    if (index !== -1) this.handlers.splice(index, 1);
  }

  /** Messages are formatted like those of `console.log`: `%s`, `%d`, `%o`. */
  debug(message: unknown, ...values: unknown[]): void {
    this.#log(LogLevel.DEBUG, message, values, this.debug);
  }

  /** Logs an event of normal operation: a process starts, or ends. */
  info(message: unknown, ...values: unknown[]): void {
    this.#log(LogLevel.INFO, message, values, this.info);
  }

  /** Logs an unexpected event that was handled. */
  warning(message: unknown, ...values: unknown[]): void {
    this.#log(LogLevel.WARNING, message, values, this.warning);
  }

  /** Logs a failure. */
  error(message: unknown, ...values: unknown[]): void {
    this.#log(LogLevel.ERROR, message, values, this.error);
  }

  /** Logs a failure after which the program cannot continue. */
  critical(message: unknown, ...values: unknown[]): void {
    this.#log(LogLevel.CRITICAL, message, values, this.critical);
  }

  /** A record of the level; the values go where `util.format` puts them. */
  log(level: number | LogLevelName, message: unknown, ...values: unknown[]): void {
    this.#log(levelNumber(level), message, values, this.log);
  }

  #log(level: number, message: unknown, values: unknown[], caller: (...args: never[]) => void): void {
    if (this.handlers.length === 0 || level < this.getEffectiveLevel()) return;
    const record: LogRecord = {
      name: this.name,
      level,
      levelName: levelName(level),
      message: format(message, ...values),
      processName: nameOfProcess(),
      pid: process.pid,
      created: wallClock(),
      ...placeAbove(caller),
    };
    for (const handler of [...this.handlers]) {
      try {
        handler(record);
      } catch (error) {
        // Logging must not break what is logged.
        writeToStderr(`A handler of the multiprocessing logger failed: ${format(error)}\n`);
      }
    }
  }
}

const logger = new Logger();
let stderrHandlers = 0;

/** The logger of this package. Mirrors `multiprocessing.get_logger`. */
export function getLogger(): Logger {
  return logger;
}

/**
 * Has records written to stderr as `[LEVEL/ProcessName] message`, each with one write. Children do the same. Called
 * again it adds another handler, as in Python. Mirrors `multiprocessing.log_to_stderr`.
 *
 * @param level - sets the logger's level, too
 * @returns the logger
 */
export function logToStderr(level?: number | LogLevelName): Logger {
  if (level !== undefined) logger.setLevel(level);
  logger.addHandler((record) => writeToStderr(`[${record.levelName}/${record.processName}] ${record.message}\n`));
  stderrHandlers++;
  return logger;
}

/** Returns the settings for a child. */
export function loggingState(): LoggingState {
  return { level: logger.level, toStderr: stderrHandlers > 0 };
}

/** A child does as its creator did. */
export function adoptLogging({ level, toStderr }: LoggingState): void {
  if (toStderr && stderrHandlers === 0) logToStderr();
  if (level !== LogLevel.NOTSET) logger.setLevel(level);
}

function levelNumber(level: number | LogLevelName): number {
  const number = typeof level === 'string' ? LogLevel[level] : level;
  if (typeof number === 'number' && Number.isInteger(number)) return number;
  throw new TypeError(`Expected "level" to be an integer or the name of a level, got ${describe(level)}`);
}

function levelName(level: number): string {
  return Object.entries(LogLevel).find(([, number]) => number === level)?.[0] ?? `Level ${level}`;
}

/** Finds the caller of the method, from the first line of a stack that begins above it. */
function placeAbove(method: (...args: never[]) => void): Pick<LogRecord, 'pathName' | 'fileName' | 'line'> {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 1;
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, method);
  Error.stackTraceLimit = before;
  const [, place = '', line = '0'] = /(?:\(|at (?:async )?)([^()\n]+?):(\d+):\d+\)?$/m.exec(holder.stack ?? '') ?? [];
  const pathName = place.startsWith('file:') ? fileURLToPath(place) : place;
  return { pathName, fileName: basename(pathName), line: Number(line) };
}
