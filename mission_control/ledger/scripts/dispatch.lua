-- Enter a new run, once; with an idempotency key, once for that key. A run that may not overlap waits while another
-- of its task is active.
-- KEYS: 1 run (hash)  2 active runs (zset)  3 runs of the task (zset)  4 first active runs of tasks (hash)
--       5 other active runs of the task, 6 occurrences of it that wait for them, 7 requests that do (zsets)
--       8 idempotency key (string), may be left out
-- ARGV: 1 execution_id  2 dispatched at, Unix seconds  3 scheduled time, Unix seconds
--       4 seconds to remember the idempotency key  5 what the key is to say, or the execution_id
--       6 "overlaps" if it may overlap, "waits" if not, "" if it is no task's  7 prefix of run keys
--       8 states of active runs, joined by commas with one before and after  9 task
--       10 "1" if no message may begin it before it is due
--       11… field, value, …
-- Reply: {ARGV[5], the run that it waits for or ""} if the run was entered, {what the key says already, ""}, or
--        false if the run exists; an error if a key has another type. Nothing is written in the last three cases
-- Needs overlap.lua
if KEYS[8] then
  local first = redis.call('GET', KEYS[8])
  if first then
    return {first, ''}
  end
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  return false
end
for _, key in ipairs({KEYS[2], KEYS[3], KEYS[5], KEYS[7]}) do
  redis.call('ZSCORE', key, ARGV[1]) -- an error if a key has another type, before the first write
end
local now, due = tonumber(ARGV[2]), tonumber(ARGV[3])
local turn = turn_of(ARGV[9], {unpack(KEYS, 4, 7)})
local blocker = ARGV[6] == 'waits' and due <= now and blocker_of(turn, ARGV[2], ARGV[7], ARGV[8])
require_rights(KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 11))
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
redis.call('PERSIST', KEYS[3]) -- it must outlive the task's active runs
if blocker then
  redis.call('HSET', KEYS[1], 'waits_for', blocker[1])
  redis.call('ZADD', turn.requested, ARGV[3], ARGV[1])
elseif ARGV[6] ~= '' then
  add_active(turn, ARGV[1], math.max(now, due), due <= now)
  if ARGV[6] == 'waits' and due > now then
    redis.call('HSET', KEYS[1], 'awaits_due', '1') -- whether another is in the way shows when it is due
  end
end
if ARGV[10] == '1' and due > now then -- by the slower one of two clocks, so that none makes it wait for long
  redis.call('HSET', KEYS[1], 'not_before', math.min(now, redis.call('TIME')[1]) + due - now)
end
if KEYS[8] then
  redis.call('SET', KEYS[8], ARGV[5], 'EX', ARGV[4])
end
return {ARGV[5], blocker and blocker[1] or ''}
