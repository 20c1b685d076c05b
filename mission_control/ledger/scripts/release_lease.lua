-- Give up the lease of an attempt that will not be ended by whoever began it, so that nobody waits for it.
-- KEYS: 1 run (hash)  2 leases (zset)
-- ARGV: 1 execution_id  2 fence
-- Reply: 1 if it was given up, 0 if it was somebody else's by then
local found = redis.call('HMGET', KEYS[1], 'state', 'fence')
if found[1] ~= 'running' or found[2] ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], 'lease_until', 0)
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return 1
