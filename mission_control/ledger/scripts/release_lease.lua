-- Give up the lease of an attempt that its worker will not end, so that other workers need not wait.
-- KEYS: 1 run (hash)  2 leases (zset)
-- ARGV: 1 execution_id  2 fence  3 "1" if the delivery counts: its worker did not stop in good order,
--       perhaps because of the attempt  4 state of a running run
-- Reply: 1 if it was given up, 0 if another worker has it now
local found = redis.call('HMGET', KEYS[1], 'state', 'fence', 'lease_until')
if found[1] ~= ARGV[4] or found[2] ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], 'lease_until', 0)
if ARGV[3] ~= '1' and tonumber(found[3] or '0') > 0 then -- a second release is of the same delivery
  redis.call('HINCRBY', KEYS[1], 'deliveries', -1)
end
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return 1
