-- Note a message as delivered now, by the server's clock.
-- KEYS: 1 unacked (hash)  2 unacked_index (zset)
-- ARGV: 1 delivery tag  2 the message as kombu keeps it: [message, exchange, routing key]
-- Reply: 1
local now = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now[1] .. '.' .. string.format('%06d', now[2]), ARGV[1])
return 1
