-- Note that a run's message is about to be sent again, if the run has not changed since it was found.
-- KEYS: 1 run (hash)
-- ARGV: 1 state  2 attempt  3 number of times it was sent again, as it was found  4 now, ISO
-- Reply: 1 if it is noted, 0 if the run has changed
local found = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'resends')
if found[1] ~= ARGV[1] or found[2] ~= ARGV[2] or (found[3] or '0') ~= ARGV[3] then
  return 0
end
require_rights(KEYS[1])
redis.call('HSET', KEYS[1], 'resent_at', ARGV[4])
redis.call('HINCRBY', KEYS[1], 'resends', 1)
return 1
