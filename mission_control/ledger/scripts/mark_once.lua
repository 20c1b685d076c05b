-- Mark an effect that a run must have only once, before it happens.
-- KEYS: 1 run (hash)  2 effects of the run (set)
-- ARGV: 1 fence of the attempt  2 effect  3 "1" to mark it, "0" to take the mark back
--       4 state of a running run
-- Reply: 1 if this call changed the mark; 0 if not, or if this attempt no longer has the run
local found = redis.call('HMGET', KEYS[1], 'state', 'fence')
if found[1] ~= ARGV[4] or found[2] ~= ARGV[1] then
  return 0
end
return redis.call(ARGV[3] == '1' and 'SADD' or 'SREM', KEYS[2], ARGV[2])
