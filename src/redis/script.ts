/** Lua scripts: each change of state is one of them, with its keys in one hash slot. */
import { createHash } from 'node:crypto';
import type { RedisClient } from './client.js';

/** Argument of a command or a script. */
export type Argument = string | number | Buffer;

/** Functions that every script may call. Times are the server's, in milliseconds. */
const prelude = `
local call = redis.call
local function now()
  local t = call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
-- Wakes one waiter, if there is one. A second token would wake a second waiter for the same change.
local function ring(bell, waiting)
  if call('EXISTS', waiting) == 0 then return end
  call('RPUSH', bell, '1')
  call('LTRIM', bell, 0, 0)
  call('PEXPIRE', bell, 10000)
end
local function expect(waiting)
  call('SET', waiting, '1', 'PX', 10000)
end
`;

/**
 * Around a body that must not run twice. A client whose connection broke sends its unanswered commands again, and the server
 * may have run them: the result is kept under the command's id until the client acknowledges it.
 */
const onceHead = `
local ops, id = KEYS[1], ARGV[1]
local acks = tonumber(ARGV[2])
local seen = call('HGET', ops, id)
if seen then return cmsgpack.unpack(seen) end
local args = {}
for i = 3 + acks, #ARGV do args[#args + 1] = ARGV[i] end
local function body()
`;
const onceTail = `
end
local result = body()
-- Not before: after a first write the server lets a script exceed "maxmemory".
for i = 1, acks do call('HDEL', ops, ARGV[2 + i]) end
-- A result that begins with 0 says that nothing was changed.
if result[1] ~= 0 then
  call('HSET', ops, id, cmsgpack.pack(result))
  call('PEXPIRE', ops, 3600000)
end
return result
`;

/** One script of the registry. */
export class Script {
  readonly lua: string;
  readonly sha: string;

  /**
   * @param title what the script does, for errors: 'taking the lock'
   * @param once whether it runs at most once however often it is sent: then its body reads `args` for ARGV, its keys begin at
   *   `KEYS[2]`, and it returns a table
   */
  constructor(
    readonly title: string,
    body: string,
    readonly once = false,
  ) {
    this.lua = once ? prelude + onceHead + body + onceTail : prelude + body;
    this.sha = createHash('sha1').update(this.lua).digest('hex');
  }

  /** Runs it on a connection; the reply's strings are Buffers. Sends its text where the server does not know it. */
  async evaluate(client: RedisClient, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    try {
      return await client.callBuffer('EVALSHA', this.sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return client.callBuffer('EVAL', this.lua, keys.length, ...keys, ...args);
    }
  }
}
