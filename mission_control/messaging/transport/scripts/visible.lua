-- Find messages that were not renewed for too long, by the server's clock.
-- KEYS: 1 unacked_index (zset)
-- ARGV: 1 seconds after which a message is visible again  2 limit
-- Reply: their delivery tags, the longest without renewal first
local now = redis.call('TIME')
local latest = tonumber(now[1]) + tonumber(now[2]) / 1000000 - tonumber(ARGV[1])
return redis.call('ZRANGE', KEYS[1], '-inf', string.format('%.6f', latest), 'BYSCORE', 'LIMIT', 0, ARGV[2])
