-- Move a bad message to the dead letters.
-- KEYS: 1 dead letters (list)  2 unacked (hash)  3 unacked_index (zset)
-- ARGV: 1 entry, JSON  2 most entries to keep  3 delivery tag, or "" if it was never noted as delivered
-- Reply: 1 if it was moved, 0 if another process did
require_rights(KEYS[1])
if ARGV[3] ~= '' then
  redis.call('ZREM', KEYS[3], ARGV[3])
  if redis.call('HDEL', KEYS[2], ARGV[3]) == 0 then
    return 0
  end
end
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], 0, tonumber(ARGV[2]) - 1)
return 1
