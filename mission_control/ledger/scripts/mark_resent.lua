-- Note that a run's message is about to be sent again, if the run has not changed since it was found.
-- KEYS: 1 run (hash)  2 leases (zset)
-- ARGV: 1 execution_id  2 state  3 attempt  4 number of times it was sent again, as it was found
--       5 now, ISO  6 for a run whose lease has run out: seconds until it is looked at again  7 state of a running run
-- Reply: 1 if it is noted, 0 if the run has changed
local found = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'resends')
if found[1] ~= ARGV[2] or found[2] ~= ARGV[3] or (found[3] or '0') ~= ARGV[4] then
  return 0
end
redis.call('HSET', KEYS[1], 'resent_at', ARGV[5])
redis.call('HINCRBY', KEYS[1], 'resends', 1)
if found[1] == ARGV[7] then
  redis.call('ZADD', KEYS[2], 'XX', tonumber(redis.call('TIME')[1]) + tonumber(ARGV[6]), ARGV[1])
end
return 1
