/** The scripts of a pool. Each may run twice: when the connection breaks, it is sent again. */
import { Script } from '../script.js';

const purge = `
local function purge(members, hosts)
  for _, id in ipairs(call('ZRANGEBYSCORE', members, '-inf', now())) do
    call('ZREM', members, id)
    call('HDEL', hosts, id)
  end
end
`;

/**
 * Keeps a member alive. KEYS: members, hosts, and of a client outcomes and large values. ARGV: id, lifetime in ms, the
 * description of a worker program. Returns whether the stream had to be made, and all descriptions.
 */
export const beat = new Script(
  'the heartbeat of a pool',
  `${purge}
local id, ttl = ARGV[1], tonumber(ARGV[2])
purge(KEYS[1], KEYS[2])
call('ZADD', KEYS[1], now() + ttl, id)
call('PEXPIRE', KEYS[1], 2 * ttl)
local made = 0
if KEYS[3] then
  if call('EXISTS', KEYS[3]) == 0 then
    call('XADD', KEYS[3], '*', 'hello', '')
    made = 1
  end
  call('PEXPIRE', KEYS[3], ttl)
  call('PEXPIRE', KEYS[4], ttl)
else
  call('HSET', KEYS[2], id, ARGV[3])
end
call('PEXPIRE', KEYS[2], 2 * ttl)
return { made, call('HVALS', KEYS[2]) }
`,
);

/**
 * Takes a member out, and with the last one what BullMQ keeps for an empty queue. KEYS: members, hosts, outcomes, large values,
 * lists of tasks (`lists` of them), and the rest. ARGV: id, how many lists.
 */
export const leave = new Script(
  'leaving a pool',
  `${purge}
call('ZREM', KEYS[1], ARGV[1])
call('HDEL', KEYS[2], ARGV[1])
call('DEL', KEYS[3], KEYS[4])
purge(KEYS[1], KEYS[2])
if call('ZCARD', KEYS[1]) > 0 then return 0 end
local lists = tonumber(ARGV[2])
for i = 5, 4 + lists do
  if call('EXISTS', KEYS[i]) == 1 then return 0 end
end
call('DEL', KEYS[1], KEYS[2])
for i = 5 + lists, #KEYS do call('DEL', KEYS[i]) end
return 1
`,
);

/** Parts of BullMQ's keys: those that hold tasks, and those that are left of an empty queue. */
export const taskLists: readonly string[] = ['wait', 'active', 'paused', 'delayed', 'prioritized'];
export const leftOvers: readonly string[] = [
  'meta',
  'events',
  'id',
  'marker',
  'stalled',
  'stalled-check',
  'pc',
  'limiter',
];

/**
 * Gives outcomes to a client, unless it is gone. KEYS: outcomes, large values. ARGV: lifetime in ms, how many arguments are
 * fields of the stream's entry, those, and fields of the hash.
 */
export const deliver = new Script(
  'the delivery of results',
  `
if call('EXISTS', KEYS[1]) == 0 then return 0 end
local count = tonumber(ARGV[2])
local large = {}
for i = 3 + count, #ARGV do large[#large + 1] = ARGV[i] end
if #large > 0 then
  call('HSET', KEYS[2], unpack(large))
  call('PEXPIRE', KEYS[2], ARGV[1])
end
local fields = {}
for i = 3, 2 + count do fields[#fields + 1] = ARGV[i] end
call('XADD', KEYS[1], '*', unpack(fields))
return 1
`,
);

/**
 * Looks at tasks. KEYS: one of the pool's. ARGV: prefix of BullMQ's keys, then for each the id and the attempts. Returns for each:
 * 0 there is no such job; 1 it waits or runs; 2 all its workers died.
 */
export const audit = new Script(
  'the look at tasks',
  `
local states = {}
for i = 2, #ARGV, 2 do
  local key = ARGV[1] .. ARGV[i]
  local started = call('HGET', key, 'ats')
  local state = 1
  if call('EXISTS', key) == 0 then state = 0
  elseif started and tonumber(started) >= tonumber(ARGV[i + 1]) and call('EXISTS', key .. ':lock') == 0 then state = 2 end
  states[#states + 1] = state
end
return states
`,
);
