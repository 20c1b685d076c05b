-- Enter a new run, once; with an idempotency key, once for that key.
-- KEYS: 1 run (hash)  2 active runs (zset)  3 runs of the task (zset)  4 idempotency key (string), may be left out
-- ARGV: 1 execution_id  2 dispatched at, Unix seconds  3 scheduled time, Unix seconds
--       4 seconds to remember the idempotency key  5 what the key is to say, or the execution_id
--       6… field, value, …
-- Reply: ARGV[5] if the run was entered, what the key says already, or false if the run exists; an error if a
--        key has another type. Nothing is written in the last three cases
if KEYS[4] then
  local first = redis.call('GET', KEYS[4])
  if first then
    return first
  end
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  return false
end
redis.call('ZSCORE', KEYS[2], ARGV[1]) -- an error if a key has another type, before the first write
redis.call('ZSCORE', KEYS[3], ARGV[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 6))
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
redis.call('PERSIST', KEYS[3]) -- it must outlive the task's active runs
if KEYS[4] then
  redis.call('SET', KEYS[4], ARGV[5], 'EX', ARGV[4])
end
return ARGV[5]
