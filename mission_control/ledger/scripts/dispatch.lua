-- Enter a new run, once; with an idempotency key, once for that key. A run that may not overlap waits while another
-- of its task is active.
-- KEYS: 1 run (hash)  2 active runs (zset)  3 runs of the task (zset)  4 active runs of the task (zset)
--       5 requests that wait for them (zset)  6 idempotency key (string), may be left out
-- ARGV: 1 execution_id  2 dispatched at, Unix seconds  3 scheduled time, Unix seconds
--       4 seconds to remember the idempotency key  5 what the key is to say, or the execution_id
--       6 "overlaps" if it may overlap, "waits" if not, "" if it is no task's  7 prefix of run keys
--       8 states of active runs, joined by commas with one before and after
--       9… field, value, …
-- Reply: {ARGV[5], the run that it waits for or ""} if the run was entered, {what the key says already, ""}, or
--        false if the run exists; an error if a key has another type. Nothing is written in the last three cases
-- Needs overlap.lua
if KEYS[6] then
  local first = redis.call('GET', KEYS[6])
  if first then
    return {first, ''}
  end
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  return false
end
for at = 2, 5 do
  redis.call('ZSCORE', KEYS[at], ARGV[1]) -- an error if a key has another type, before the first write
end
local now, due = tonumber(ARGV[2]), tonumber(ARGV[3])
local blocker = ARGV[6] == 'waits' and due <= now and blocker_of(KEYS[4], ARGV[2], ARGV[7], ARGV[8])
redis.call('HSET', KEYS[1], unpack(ARGV, 9))
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
redis.call('PERSIST', KEYS[3]) -- it must outlive the task's active runs
if blocker then
  redis.call('HSET', KEYS[1], 'waits_for', blocker[1])
  redis.call('ZADD', KEYS[5], ARGV[3], ARGV[1])
elseif ARGV[6] ~= '' then
  redis.call('ZADD', KEYS[4], math.max(now, due), ARGV[1])
  if ARGV[6] == 'waits' and due > now then
    redis.call('HSET', KEYS[1], 'awaits_due', '1') -- whether another is in the way shows when it is due
  end
end
if KEYS[6] then
  redis.call('SET', KEYS[6], ARGV[5], 'EX', ARGV[4])
end
return {ARGV[5], blocker and blocker[1] or ''}
