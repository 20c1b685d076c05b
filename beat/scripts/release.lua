-- Put parked messages whose time has come on their queues, or in the outbox: a run by its id, a message as
-- the JSON list [queue, message].
-- KEYS: 1 parked messages (zset)  2 their payloads (hash)  3 outbox (list)
-- ARGV: 1 now, Unix seconds  2 at most so many  3 "1" if the queues are on another server
-- Reply: how many were taken off the park
local due = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, execution_id in ipairs(due) do
  local packed = redis.call('HGET', KEYS[2], execution_id)
  if packed then
    local is_read, message = pcall(cmsgpack.unpack, packed)
    is_read = is_read and type(message) == 'table'
    local queue, payload = unpack(is_read and message or {'', ''})
    local goes_out = queue == '' or ARGV[3] == '1'
    local kind = goes_out and 'none' or redis.call('TYPE', queue).ok
    if not is_read or (kind ~= 'none' and kind ~= 'list') then
      redis.call('ZADD', KEYS[1], ARGV[1] + 60, execution_id) -- tried again; the others do not wait for it
    else
      if not goes_out then
        redis.call('LPUSH', queue, payload)
      else
        redis.call('RPUSH', KEYS[3], queue == '' and execution_id or cjson.encode({queue, payload}))
      end
      redis.call('HDEL', KEYS[2], execution_id)
      redis.call('ZREM', KEYS[1], execution_id)
    end
  else
    redis.call('ZREM', KEYS[1], execution_id)
  end
end
return #due
