-- Cancel a backfill: nothing more of it is sent.
-- KEYS: 1 open backfills (hash)  2 backfill (hash)  3 what it has to send (list)
-- ARGV: 1 id of the backfill  2 reason  3 state of a cancelled backfill
-- Reply: 1, or 0 if it is not open
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 or redis.call('HGET', KEYS[2], 'state') ~= 'open' then
  return 0
end
require_rights(KEYS[1])
redis.call('HSET', KEYS[2], 'state', ARGV[3], 'reason', ARGV[2])
redis.call('DEL', KEYS[3])
return 1
