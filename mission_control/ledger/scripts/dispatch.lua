-- Enter a new run, once.
-- KEYS: 1 run (hash)  2 active runs (zset)  3 runs of the task (zset)
-- ARGV: 1 execution_id  2 dispatched at, Unix seconds  3 scheduled time, Unix seconds  4… field, value, …
-- Reply: 1 entered, 0 the run exists already and nothing changed
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
return 1
