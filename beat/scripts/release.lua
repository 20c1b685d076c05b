-- Put parked messages whose time has come on their queues.
-- KEYS: 1 parked messages (zset)  2 their payloads (hash)  3 outbox (list)
-- ARGV: 1 now, Unix seconds  2 at most so many
-- Reply: how many were taken off the park
local due = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, execution_id in ipairs(due) do
  local packed = redis.call('HGET', KEYS[2], execution_id)
  if packed then
    local is_read, message = pcall(cmsgpack.unpack, packed)
    is_read = is_read and type(message) == 'table'
    local queue, payload = unpack(is_read and message or {'', ''})
    local kind = queue == '' and 'none' or redis.call('TYPE', queue).ok
    if not is_read or (kind ~= 'none' and kind ~= 'list') then
      redis.call('ZADD', KEYS[1], ARGV[1] + 60, execution_id) -- tried again; the others do not wait for it
    else
      redis.call(queue == '' and 'RPUSH' or 'LPUSH', queue == '' and KEYS[3] or queue,
        queue == '' and execution_id or payload)
      redis.call('HDEL', KEYS[2], execution_id)
      redis.call('ZREM', KEYS[1], execution_id)
    end
  else
    redis.call('ZREM', KEYS[1], execution_id)
  end
end
return #due
