-- Enter the next run of a backfill, unless its occurrence has a run meanwhile. It neither waits for other runs of
-- its task, nor do they wait for it.
-- KEYS: 1 backfill (hash)  2 what it has to send (list)  3 its unfinished runs (set)
--       4 run (hash)  5 active runs (zset)  6 runs of the task (zset)
-- ARGV: 1 the first item of the list, as the caller saw it  2 execution_id  3 dispatched at, Unix seconds
--       4 scheduled time, Unix seconds  5 when the rate allows the next, Unix seconds  6… field, value, …
-- Reply: "entered", "existing", or "moved" if the backfill was cancelled or another process was faster
if redis.call('HGET', KEYS[1], 'state') ~= 'open' or redis.call('LINDEX', KEYS[2], 0) ~= ARGV[1] then
  return 'moved'
end
local exists = redis.call('EXISTS', KEYS[4]) == 1
if not exists then
  redis.call('ZSCORE', KEYS[5], ARGV[2]) -- an error if a key has another type, before the first write
  redis.call('ZSCORE', KEYS[6], ARGV[2])
end
require_rights(KEYS[1])
redis.call('LTRIM', KEYS[2], 1, -1)
if exists then
  redis.call('HINCRBY', KEYS[1], 'existing', 1)
  return 'existing'
end
redis.call('HSET', KEYS[4], unpack(ARGV, 6))
redis.call('ZADD', KEYS[5], ARGV[3], ARGV[2])
redis.call('ZADD', KEYS[6], ARGV[4], ARGV[2])
redis.call('PERSIST', KEYS[6]) -- it must outlive the task's active runs
redis.call('SADD', KEYS[3], ARGV[2])
redis.call('HINCRBY', KEYS[1], 'released', 1)
redis.call('HSET', KEYS[1], 'not_before', ARGV[5], 'released_at', ARGV[3])
return 'entered'
