-- Give the lead up, so that another beat takes it at once.
-- KEYS: 1 lead (string)  2 heartbeat (string)  3 names of processes (zset)
-- ARGV: 1 name of this beat  2 channel that wakes beats  3 its name as a process
-- Reply: 1 given up, 0 it was not this beat's
require_rights(KEYS[1])
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[3])
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1])
redis.pcall('PUBLISH', ARGV[2], 'lead given up') -- a user without channels may not
return 1
