-- Note how a run of a backfill ended, once; close the backfill if nothing is left of it.
-- KEYS: 1 open backfills (hash)  2 backfill (hash)  3 what it has to send (list)  4 its unfinished runs (set)
-- ARGV: 1 id of the backfill  2 execution_id, "" for none  3 counter to raise  4 now, ISO
--       5 seconds to keep a closed backfill  6 channel that wakes beat
-- Reply: the state in which it was closed, false if it was not
require_rights(KEYS[1])
if redis.call('SREM', KEYS[4], ARGV[2]) == 1 then
  redis.call('HINCRBY', KEYS[2], ARGV[3], 1)
  redis.pcall('PUBLISH', ARGV[6], ARGV[1]) -- beat looks every second in any case
end
if redis.call('EXISTS', KEYS[3], KEYS[4]) > 0 or redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then
  return false
end
local state = redis.call('HGET', KEYS[2], 'state')
state = state == 'open' and 'done' or state
redis.call('HSET', KEYS[2], 'state', state, 'finished_at', ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[5])
return state
