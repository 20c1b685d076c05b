-- Renew held messages, by the server's clock.
-- KEYS: 1 unacked_index (zset)
-- ARGV: their delivery tags
-- Reply: the tags of those that went to others meanwhile
local now = redis.call('TIME')
local score = now[1] .. '.' .. string.format('%06d', now[2])
local gone = {}
for _, tag in ipairs(ARGV) do
  if redis.call('ZADD', KEYS[1], 'XX', score, tag) == 0 and not redis.call('ZSCORE', KEYS[1], tag) then
    gone[#gone + 1] = tag
  end
end
return gone
