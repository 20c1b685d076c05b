-- Pop one message and note it as delivered, in one step: a worker killed at any moment loses nothing.
-- Acknowledge other messages on the way.
-- KEYS: 1 unacked (hash)  2 unacked_index (zset)  3… lists to pop from, in this order
-- ARGV: 1 delivery tag  2 prefix of turns  3 prefix of lanes  4… for each list its queue's name as JSON, or "" if
--       its messages need no acknowledgement, and have no turns  … then the tags of messages that are done
-- Reply: {list, payload}, or false if nothing waits
require_rights(KEYS[1])
for at = #KEYS + 2, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[at])
  redis.call('ZREM', KEYS[2], ARGV[at])
end
for at = 3, #KEYS do
  local list, queue = KEYS[at], ARGV[at + 1]
  if queue == '' then
    local payload = redis.pcall('RPOP', list)
    if type(payload) == 'string' then
      return {list, payload}
    end
  else
    local payload = take(list, ARGV[2] .. list, ARGV[3] .. list .. ':')
    if payload then
      local now = redis.call('TIME')
      redis.call('HSET', KEYS[1], ARGV[1], '[' .. payload .. ', "", ' .. queue .. ']')
      redis.call('ZADD', KEYS[2], now[1] .. '.' .. string.format('%06d', now[2]), ARGV[1])
      return {list, payload}
    end
  end
end
return false
