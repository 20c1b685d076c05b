-- Park a message until its time; what was parked for the same run is replaced.
-- KEYS: 1 parked messages (zset)  2 their payloads (hash)  3 unacked (hash)  4 unacked_index (zset)
-- ARGV: 1 execution_id  2 release at, Unix seconds  3 queue key  4 payload  5 channel that wakes beat
--       6 delivery tag if a worker has it in hand, or ""
-- Reply: 1 if it is parked, 0 if somebody else has it in hand
if ARGV[6] ~= '' then
  redis.call('ZREM', KEYS[4], ARGV[6])
  if redis.call('HDEL', KEYS[3], ARGV[6]) == 0 then
    return 0
  end
end
redis.call('HSET', KEYS[2], ARGV[1], cmsgpack.pack({ARGV[3], ARGV[4]}))
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
if redis.call('ZRANGE', KEYS[1], 0, 0)[1] == ARGV[1] then
  redis.call('PUBLISH', ARGV[5], ARGV[1]) -- beat waits for the first of them only
end
return 1
