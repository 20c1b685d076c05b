-- Take a message off the park, if it is still the one that the caller saw.
-- KEYS: 1 parked messages (zset)  2 their payloads (hash)
-- ARGV: 1 execution_id  2 its release time as the caller saw it, Unix seconds
-- Reply: 1 if it was taken off, 0 if none is there, or another
local release_at = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not release_at or tonumber(release_at) ~= tonumber(ARGV[2]) then
  return 0
end
require_rights(KEYS[1])
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return 1
