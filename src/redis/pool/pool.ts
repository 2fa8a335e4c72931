/** Pool of a Redis context: functions run by `multiproc work` on any machine. */
import { checkedBy, positiveInteger, text } from '../../options/kinds.js';
import { OptionTable } from '../../options/table.js';
import { engineMaker, type WithEngine } from '../../pool/engine.js';
import type { PoolOptions } from '../../pool/options.js';
import { Pool } from '../../pool/pool.js';
import { checkName } from '../../shared/names.js';
import type { Link } from '../link.js';
import { RedisEngine } from './engine.js';

/** Options of the `Pool` of a Redis context. */
export interface RedisPoolOptions {
  /** The name under which `multiproc work --pool` serves it. */
  name: string;
  /**
   * Upper bound on workers that may begin a task whose worker died. Default 1: at most once, and the task rejects with
   * WorkerLostError. With more it runs at least once.
   */
  attempts?: number | undefined;
  /** The folder that stands for the workers' `--root`: modules of functions are named relative to it. Default: the working directory. */
  root?: string | undefined;
}

const redisPoolOptions = new OptionTable<RedisPoolOptions>({
  name: checkedBy<string>((value, name) => {
    text.check(value, name);
    checkName(value as string);
  }),
  attempts: positiveInteger,
  root: text,
});

/**
 * A pool whose workers are programs `multiproc work` on any machine, through Redis. Has the methods of {@link Pool}, except that
 * results cannot be waited for with the thread blocked.
 */
export class RedisPool extends Pool {
  /** @internal */
  static override readonly shares: boolean = false;

  /** @internal */
  constructor(link: Link, options: RedisPoolOptions, lease: number) {
    redisPoolOptions.check(options, 'Pool');
    if (options?.name === undefined) {
      throw new TypeError('Expected "name" to be a string, got undefined: new cluster.Pool({ name: \'images\' })');
    }
    const { name, attempts = 1, root = process.cwd() } = options;
    const made: PoolOptions & WithEngine = {
      [engineMaker]: (owner) => new RedisEngine(link, { name, root, attempts, lease }, owner),
    };
    super(undefined, made);
  }
}
