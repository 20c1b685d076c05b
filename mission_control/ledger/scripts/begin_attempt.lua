-- Begin an attempt of a run, if it is the attempt that is due.
-- KEYS: 1 run (hash)
-- ARGV: 1 attempt  2 started at, ISO  3 worker  4 "1" if the message was delivered before
--       5 prefix of the keys of workers' signs of life
-- Reply: {verdict, field, value, …}; the verdict is one of
--   begun     the attempt is this delivery's to run
--   unknown   there is no such run
--   finished  the run is over: acknowledge and drop
--   running   the attempt is being run by somebody else: drop
--   stale     a later attempt was begun, or this one is not due yet: drop
local function reply(verdict)
  local answer = redis.call('HGETALL', KEYS[1])
  table.insert(answer, 1, verdict)
  return answer
end

-- Whether the worker that has the attempt gives signs of life, and has since before it began.
local function owner_lives()
  local text = redis.call('GET', ARGV[5] .. (redis.call('HGET', KEYS[1], 'worker') or ''))
  if not text then
    return false
  end
  local since = cjson.decode(text).since
  return not since or since <= redis.call('HGET', KEYS[1], 'started_at')
end

local state = redis.call('HGET', KEYS[1], 'state')
if not state then
  return {'unknown'}
end
local attempt = tonumber(ARGV[1])
local last = tonumber(redis.call('HGET', KEYS[1], 'attempt'))
if state == 'dispatched' or state == 'retrying' then
  if attempt ~= last + 1 then
    return reply('stale')
  end
elseif state == 'running' then
  if attempt ~= last then
    return reply('stale')
  elseif ARGV[4] ~= '1' or owner_lives() then
    return reply('running')
  end
else
  return reply('finished')
end
redis.call('HSET', KEYS[1], 'state', 'running', 'attempt', attempt, 'started_at', ARGV[2], 'worker', ARGV[3])
redis.call('HDEL', KEYS[1], 'retry_at', 'output', 'error', 'reason', 'duration_ms')
return reply('begun')
