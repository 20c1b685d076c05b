-- Park a message until its time, unless one of the same run is released no later.
-- KEYS: 1 parked messages (zset)  2 their payloads (hash)
-- ARGV: 1 execution_id  2 release at, Unix seconds  3 queue key  4 payload  5 channel that wakes beat
-- Reply: 1 if it is parked, 0 if the earlier one stays
local release_at = redis.call('ZSCORE', KEYS[1], ARGV[1])
if release_at and tonumber(release_at) <= tonumber(ARGV[2]) and redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then
  return 0
end
require_rights(KEYS[1])
redis.call('HSET', KEYS[2], ARGV[1], cmsgpack.pack({ARGV[3], ARGV[4]}))
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
if redis.call('ZRANGE', KEYS[1], 0, 0)[1] == ARGV[1] then
  redis.pcall('PUBLISH', ARGV[5], ARGV[1]) -- for the first of them only; a user without channels may not
end
return 1
