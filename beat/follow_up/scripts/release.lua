-- Put parked messages whose time has come on their queues, or in the outbox: a run by its id, a message as
-- the JSON list [queue, message]. The time is noted at a run that the ledger knows.
-- KEYS: 1 parked messages (zset)  2 their payloads (hash)  3 outbox (list)
-- ARGV: 1 now, Unix seconds  2 at most so many  3 "1" if the queues are on another server  4 now, ISO
--       5 what the keys of runs begin with
-- Reply: {how many were due, id, "no message" or "no queue", …}: those of them that were not released, because
--        the payload is no message, or the queue's key has the wrong type or is denied; due again in a minute
local function message_of(packed)
  local is_read, message = pcall(cmsgpack.unpack, packed)
  if is_read and type(message) == 'table' and type(message[1]) == 'string' and type(message[2]) == 'string' then
    return message[1], message[2]
  end
end

local function is_list(queue)
  local kind = redis.pcall('TYPE', queue).ok -- none where this user of Redis may not use the key
  return kind == 'none' or kind == 'list'
end

local function release(execution_id, queue, payload)
  if queue == '' then
    redis.call('RPUSH', KEYS[3], execution_id)
  elseif ARGV[3] == '1' then
    redis.call('RPUSH', KEYS[3], cjson.encode({queue, payload}))
  else
    redis.call('LPUSH', queue, payload)
  end
  redis.call('HDEL', KEYS[2], execution_id)
  redis.call('ZREM', KEYS[1], execution_id)
  local run = ARGV[5] .. execution_id
  if redis.call('TYPE', run).ok == 'hash' then
    redis.call('HSET', run, 'released_at', ARGV[4])
  end
end

require_rights(KEYS[1])
local due = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])
local reply = {#due}
for _, execution_id in ipairs(due) do
  local packed = redis.call('HGET', KEYS[2], execution_id)
  local queue, payload = message_of(packed or '')
  if not packed then
    redis.call('ZREM', KEYS[1], execution_id)
  elseif queue and (queue == '' or ARGV[3] == '1' or is_list(queue)) then
    release(execution_id, queue, payload)
  else
    redis.call('ZADD', KEYS[1], ARGV[1] + 60, execution_id)
    reply[#reply + 1] = execution_id
    reply[#reply + 1] = queue and 'no queue' or 'no message'
  end
end
return reply
