import { createHash } from 'node:crypto';

/**
 * The Lua scripts. Each is one round trip, and nothing else runs in Redis meanwhile. All keys come in `KEYS` and every command has its
 * name in plain sight, so clusters and managed servers take them.
 *
 * Of one conversation, `KEYS` are, as far as a script needs them:
 * 1. its record: `adjourn1 <revision>`, a line break, JSON;
 * 2. its lease: `<token> <revision>`, gone when the lease lapses;
 * 3. its queue: a sorted set of waiters `<token> <leaseMs> <waitMs>` by arrival, in microseconds of Redis's clock; below zero for
 *    the one that was handed the lease and has not shown up yet;
 * 4. its partition's wake-ups and 5. its partition's names: sorted sets.
 *
 * A token is `<process>.<number>`; every process listens on the channel of its name.
 */
export interface Script {
  readonly source: string;
  readonly sha: string;
  /** Whether it may be sent again when nobody knows if it ran. */
  readonly repeatable: boolean;
}

function script(...parts: string[]): Script {
  const source = parts.join('\n');
  return { source, sha: createHash('sha1').update(source).digest('hex'), repeatable: true };
}

/** A second run would find the lease given up, or the wake-ups claimed, by the first. */
const once = (one: Script): Script => ({ ...one, repeatable: false });

/** How long a lease that was handed over lasts until its new holder shows up, milliseconds. */
export const graceMs = 1_000;

const leases = `
local function held(token, lease)
  if lease and string.sub(lease, 1, #token + 1) == token .. ' ' then return string.sub(lease, #token + 2) end
  return nil
end

local function lend(token, ms, record)
  local revision = record and string.match(record, '^adjourn1 (%d+)\\n') or '0'
  redis.call('SET', KEYS[2], token .. ' ' .. revision, 'PX', ms)
end

local function shown()
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(0')
end

local function micros()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end
`;

/**
 * What happens to a lease that is free: it goes to the first waiter that is still there, with the record in the message. Whoever was
 * handed a lease and let it lapse unseen is dead or deaf, and so are the others of its process; those that live after all come back
 * to their places.
 * @returns in Lua: whether the lease is `token`'s to take
 */
const handOver = `
local function turnOf(token, channels, leaving)
  while true do
    local first = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
    local waiter = first[1]
    if not waiter then return true end
    local since = tonumber(first[2])
    local other, process, leaseMs, waitMs = string.match(waiter, '^(([^.]+)%.%d+) (%d+) (%d+)$')
    if other == token then
      redis.call('ZREM', KEYS[3], waiter)
      if not leaving then return true end
    elseif since < 0 then
      for _, one in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
        if string.sub(one, 1, #process + 1) == process .. '.' then redis.call('ZREM', KEYS[3], one) end
      end
    else
      local now = micros()
      if since + waitMs * 1000 > now then
        redis.call('ZADD', KEYS[3], string.format('%.0f', -since), waiter)
        local record = redis.call('GET', KEYS[1])
        lend(other, math.min(leaseMs, ${graceMs}), record)
        local head = string.format('%s %.0f\\n', other, math.floor(now / 1000))
        redis.call('PUBLISH', channels .. process, head .. (record or ''))
        return false
      end
      redis.call('ZREM', KEYS[3], waiter)
    end
  end
end
`;

/**
 * Takes the lease, or a place in the queue unless `waitMs` is 0. `since` is empty at first; who looks again gives its arrival, and
 * gets its old place back should it have been lost.
 * @returns in Lua: `{1, record}`, or `{0, ms the lease lasts, arrival, how many are ahead, Redis's time in ms}`
 */
export const begin = script(
  leases,
  handOver,
  `
local token, leaseMs, waitMs, channels, since = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local isFree = redis.call('EXISTS', KEYS[2], KEYS[3]) == 0
local lease = not isFree and redis.call('GET', KEYS[2])
if isFree or not lease and turnOf(token, channels, false) or held(token, lease) then
  if not isFree then shown() end
  local record = redis.call('GET', KEYS[1])
  lend(token, leaseMs, record)
  return {1, record}
end
if waitMs == '0' then return {0} end
local now = micros()
if since == '' then
  local last = redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')
  since = string.format('%.0f', math.max(now, (tonumber(last[2]) or 0) + 1))
end
local waiter = token .. ' ' .. leaseMs .. ' ' .. waitMs
redis.call('ZADD', KEYS[3], 'NX', since, waiter)
local keep = waitMs + 60000
if redis.call('PTTL', KEYS[3]) < keep then redis.call('PEXPIRE', KEYS[3], keep) end
return {0, redis.call('PTTL', KEYS[2]), since, redis.call('ZRANK', KEYS[3], waiter), math.floor(now / 1000)}
`,
);

/**
 * Saves the record, or deletes it where the text is empty; then, unless the lease is kept, hands over.
 * @returns in Lua: 1, or 0 where the lease or the record is no longer what it was
 */
export const save = once(
  script(
    leases,
    handOver,
    `
local token, channels, name, wakeAt, text, keep = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1'
local before = held(token, redis.call('GET', KEYS[2]))
if not before then return 0 end
local head = before ~= '0' and 'adjourn1 ' .. before .. '\\n'
local intact = head and redis.call('GETRANGE', KEYS[1], 0, #head - 1) == head or not head and redis.call('EXISTS', KEYS[1]) == 0
if intact and text == '' then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[4], name)
  redis.call('ZREM', KEYS[5], name)
elseif intact then
  local count = before + 1
  redis.call('SET', KEYS[1], 'adjourn1 ' .. count .. '\\n' .. text)
  if not head then redis.call('ZADD', KEYS[5], 0, name) end
  if wakeAt == '' then redis.call('ZREM', KEYS[4], name) else redis.call('ZADD', KEYS[4], wakeAt, name) end
  if keep then
    redis.call('SET', KEYS[2], token .. ' ' .. count, 'KEEPTTL')
    shown()
  end
end
if not keep then
  redis.call('DEL', KEYS[2])
  if redis.call('EXISTS', KEYS[3]) == 1 then turnOf(token, channels, true) end
end
return intact and 1 or 0
`,
  ),
);

/** @returns in Lua: 1, or 0 where the lease is lost */
export const renew = script(
  leases,
  `
if not held(ARGV[1], redis.call('GET', KEYS[2])) then return 0 end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
shown()
return 1
`,
);

/** Leaves the queue, or gives the lease up, or neither if it has neither. */
export const leave = script(
  leases,
  handOver,
  `
local token, channels, waiter = ARGV[1], ARGV[2], ARGV[3]
if waiter ~= '' then redis.call('ZREM', KEYS[3], waiter) end
if held(token, redis.call('GET', KEYS[2])) then
  redis.call('DEL', KEYS[2])
  turnOf(token, channels, true)
end
return 1
`,
);

/** `KEYS`: a record and its partition's wake-ups, for each name in `ARGV`. @returns in Lua: `{record, wakeAt}` of each */
export const read = script(`
local found = {}
for index, name in ipairs(ARGV) do
  found[index] = {redis.call('GET', KEYS[2 * index - 1]), redis.call('ZSCORE', KEYS[2 * index], name)}
end
return found
`);

/** `KEYS`: sets of wake-ups. @returns in Lua: of each up to `count` names due, each followed by its time */
export const due = script(`
local now, count = ARGV[1], ARGV[2]
local found = {}
for index, key in ipairs(KEYS) do
  found[index] = redis.call('ZRANGEBYSCORE', key, '-inf', now, 'WITHSCORES', 'LIMIT', 0, count)
end
return found
`);

/** `KEYS`: a set of wake-ups for each name from `ARGV[3]` on. @returns in Lua: 1 for each that was still due and is now claimed */
export const claim = once(
  script(`
local now, later = tonumber(ARGV[1]), ARGV[2]
local claimed = {}
for index, key in ipairs(KEYS) do
  local at = redis.call('ZSCORE', key, ARGV[index + 2])
  claimed[index] = 0
  if at and tonumber(at) <= now then
    redis.call('ZADD', key, 'XX', later, ARGV[index + 2])
    claimed[index] = 1
  end
end
return claimed
`),
);

/** `KEYS`: sets of wake-ups. @returns in Lua: the earliest time of each */
export const earliest = script(`
local found = {}
for index, key in ipairs(KEYS) do
  found[index] = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] or false
end
return found
`);

/** `KEYS`: sets of names. @returns in Lua: of each up to `count` names from `from` on that begin with the prefix, in order */
export const list = script(`
local from, prefix, count = ARGV[1], ARGV[2], ARGV[3]
local found = {}
for index, key in ipairs(KEYS) do
  local names = {}
  for _, name in ipairs(redis.call('ZRANGEBYLEX', key, from, '+', 'LIMIT', 0, count)) do
    if string.sub(name, 1, #prefix) ~= prefix then break end
    names[#names + 1] = name
  end
  found[index] = names
end
return found
`);
