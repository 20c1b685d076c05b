-- Put a delivered message back on its queues, once.
-- KEYS: 1 unacked (hash)  2 unacked_index (zset)  3… lists it goes back to
-- ARGV: 1 delivery tag  2 payload  3 RPUSH to be taken next, LPUSH to be taken last
--       4 only if it was not renewed for that many seconds; "" in any case
-- Reply: 1 if it was put back, 0 if another process did, or holds it
if ARGV[4] ~= '' then
  local now = redis.call('TIME')
  local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
  if score and tonumber(score) > tonumber(now[1]) + tonumber(now[2]) / 1000000 - tonumber(ARGV[4]) then
    return 0
  end
end
require_rights(KEYS[1], ARGV[3])
redis.call('ZREM', KEYS[2], ARGV[1])
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then
  return 0
end
for at = 3, #KEYS do
  redis.call(ARGV[3], KEYS[at], ARGV[2])
end
return 1
