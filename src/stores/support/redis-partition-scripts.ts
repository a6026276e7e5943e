import { once, script } from './redis-script.ts';

/* The scripts of whole partitions. Their answers have one item for each partition, or for each name, that was asked for. */

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
