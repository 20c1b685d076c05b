-- Note a message as delivered now, by the server's clock, and put the next in turn in its place.
-- KEYS: 1 unacked (hash)  2 unacked_index (zset)  3 list that it was popped from, may be left out
-- ARGV: 1 delivery tag  2 the message as kombu keeps it: [message, exchange, routing key]  3 prefix of turns
--       4 prefix of lanes
-- Reply: 1
local now = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now[1] .. '.' .. string.format('%06d', now[2]), ARGV[1])
local list = KEYS[3]
if list and redis.call('TYPE', ARGV[3] .. list).ok == 'zset' and redis.call('EXISTS', list) == 0 then
  put_next(list, ARGV[3] .. list, ARGV[4] .. list .. ':')
end
return 1
