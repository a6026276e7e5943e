import { once, script } from './redis-script.ts';
import { graceMs } from './short-leases.ts';

/*
 * The scripts of one conversation. Of its keys, `KEYS` are, as far as a script needs them:
 * 1. its record: `adjourn1 <revision>`, a line break, JSON;
 * 2. its lease: `<token> <revision>`, gone when the lease lapses;
 * 3. its queue: a sorted set of waiters `<token> <leaseMs> <waitMs>` by arrival, in microseconds of Redis's clock; below zero for
 *    the one that was handed the lease and has not shown up yet;
 * 4. its partition's wake-ups and 5. its partition's names: sorted sets.
 *
 * A token is `<process>.<number>`; every process listens on the channel of its name.
 */

const leases = `
local function held(token, lease)
  if lease and string.sub(lease, 1, #token + 1) == token .. ' ' then return string.sub(lease, #token + 2) end
  return nil
end

local function lend(token, ms, record)
  local revision = record and string.match(record, '^adjourn1 (%d+)\\n') or '0'
  redis.call('SET', KEYS[2], token .. ' ' .. revision, 'PX', ms)
end
`;

/**
 * Whose turn it is: the first waiter's that is still there. Whoever was handed a lease and let it lapse unseen is dead or deaf, and so
 * are the others of its process; those that live after all come back to their places.
 *
 * Reads come first and removals last, since in a slot that is moving to another node a script must not touch a key that it emptied.
 * The scripts define this only behind what they do where nobody waits: to Lua a definition is work.
 */
const handOver = `
local function shown()
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(0')
end

local function micros()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function partsOf(waiter)
  return string.match(waiter, '^(([^.]+)%.%d+) (%d+) (%d+)$')
end

local function remove(gone)
  local all, count = redis.call('ZCARD', KEYS[3]), 0
  for _ in pairs(gone) do count = count + 1 end
  if count > 0 and count == all then return redis.call('DEL', KEYS[3]) end
  for waiter in pairs(gone) do redis.call('ZREM', KEYS[3], waiter) end
end

local function nextInLine(token, wantsIt)
  local gone, dead, place, found = {}, {}, 0, nil
  local now = micros()
  while not found do
    local waiter, since = unpack(redis.call('ZRANGE', KEYS[3], place, place, 'WITHSCORES'))
    if not waiter then break end
    local other, process, leaseMs, waitMs = partsOf(waiter)
    since = tonumber(since)
    if other == token and wantsIt then
      found = {token = token}
      gone[waiter] = true
    elseif other == token then
      gone[waiter] = true
    elseif since < 0 or dead[process] then
      dead[process] = true
      gone[waiter] = true
    elseif since + waitMs * 1000 <= now then
      gone[waiter] = true
    else
      found = {token = other, process = process, waiter = waiter, since = since, leaseMs = leaseMs, now = now}
    end
    place = place + 1
  end
  if next(dead) then
    for _, waiter in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
      local _, process = partsOf(waiter)
      if dead[process] then gone[waiter] = true end
    end
  end
  remove(gone)
  return found
end

local function handTo(found, channels, record)
  redis.call('ZADD', KEYS[3], string.format('%.0f', -found.since), found.waiter)
  lend(found.token, math.min(found.leaseMs, ${graceMs}), record)
  local head = string.format('%s %.0f\\n', found.token, math.floor(found.now / 1000))
  redis.call('PUBLISH', channels .. found.process, head .. (record or ''))
end

local function giveUp(token, channels, record)
  local found = redis.call('EXISTS', KEYS[3]) == 1 and nextInLine(token, false)
  if found then handTo(found, channels, record) else redis.call('DEL', KEYS[2]) end
end
`;

/**
 * Takes the lease, or a place in the queue unless `waitMs` is 0. `since` is empty at first; who looks again gives its arrival, and
 * gets its old place back should it have been lost.
 * @returns in Lua: `{1, record}`, or `{0, ms the lease lasts, arrival, how many are ahead, Redis's time in ms, 1 if the place is new}`
 */
export const begin = script(
  leases,
  `
local token, leaseMs, waitMs, channels, since = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local record = redis.call('GET', KEYS[1])
if redis.call('EXISTS', KEYS[2], KEYS[3]) == 0 then
  lend(token, leaseMs, record)
  return {1, record}
end
`,
  handOver,
  `
local lease = redis.call('GET', KEYS[2])
if held(token, lease) then
  shown()
  lend(token, leaseMs, record)
  return {1, record}
end
if not lease then
  local found = nextInLine(token, true)
  if not found or found.token == token then
    lend(token, leaseMs, record)
    return {1, record}
  end
  handTo(found, channels, record)
end
if waitMs == '0' then return {0} end
local now = micros()
if since == '' then
  local last = redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')
  since = string.format('%.0f', math.max(now, (tonumber(last[2]) or 0) + 1))
end
local waiter = token .. ' ' .. leaseMs .. ' ' .. waitMs
local isNew = redis.call('ZADD', KEYS[3], 'NX', since, waiter)
local keep = waitMs + 60000
if redis.call('PTTL', KEYS[3]) < keep then redis.call('PEXPIRE', KEYS[3], keep) end
return {0, redis.call('PTTL', KEYS[2]), since, redis.call('ZRANK', KEYS[3], waiter), math.floor(now / 1000), isNew}
`,
);

/**
 * Saves the record, or deletes it where the text is empty; then, unless the lease is kept, hands over.
 * @returns in Lua: 1, or 0 where the lease or the record is no longer what it was
 */
export const save = once(
  script(
    leases,
    `
local token, channels, name, wakeAt, text, keep = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1'
local before = held(token, redis.call('GET', KEYS[2]))
if not before then return 0 end
local head = before ~= '0' and 'adjourn1 ' .. before .. '\\n'
local intact = head and redis.call('GETRANGE', KEYS[1], 0, #head - 1) == head or not head and redis.call('EXISTS', KEYS[1]) == 0
local record = text ~= '' and 'adjourn1 ' .. (before + 1) .. '\\n' .. text
if not intact then
  record = redis.call('GET', KEYS[1])
elseif record then
  redis.call('SET', KEYS[1], record)
  if not head then redis.call('ZADD', KEYS[5], 0, name) end
  if wakeAt ~= '' then redis.call('ZADD', KEYS[4], wakeAt, name) else redis.call('ZREM', KEYS[4], name) end
else
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[4], name)
  redis.call('ZREM', KEYS[5], name)
end
if keep and intact then redis.call('SET', KEYS[2], token .. ' ' .. (before + 1), 'KEEPTTL') end
if redis.call('EXISTS', KEYS[3]) == 0 then
  if not keep then redis.call('DEL', KEYS[2]) end
  return intact and 1 or 0
end
`,
    handOver,
    `
if keep then shown() else giveUp(token, channels, record) end
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
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(0')
return 1
`,
);

/** Gives the lease up, or leaves the queue, or neither if it has neither. */
export const leave = script(
  leases,
  handOver,
  `
local token, channels, waiter = ARGV[1], ARGV[2], ARGV[3]
if held(token, redis.call('GET', KEYS[2])) then
  giveUp(token, channels, redis.call('GET', KEYS[1]))
elseif waiter ~= '' then
  redis.call('ZREM', KEYS[3], waiter)
end
return 1
`,
);
