-- Find runs whose lease has run out, and runs that have waited long for their message.
-- KEYS: 1 leases (zset)  2 active runs (zset)  3 parked messages (zset)  4 outbox (list)
-- ARGV: 1 prefix of run keys  2 limit for each kind  3 entered before, Unix seconds
--       4 how many of the active runs to pass over  5 state of a running run
--       6 states in which a run waits, joined by commas with one before and after
-- Reply: {lapsed, waiting, how many active runs were looked at}; the first two are lists of runs, each
--        {execution_id, field, value, …}, without fields if the run's key has another type
local function run(execution_id)
  local fields = redis.pcall('HGETALL', ARGV[1] .. execution_id)
  if fields.err then
    return {execution_id}
  end
  table.insert(fields, 1, execution_id)
  return fields
end

local function state_of(execution_id)
  local state = redis.pcall('HGET', ARGV[1] .. execution_id, 'state')
  return type(state) == 'table' and 'unreadable' or state
end

local time = redis.call('TIME')
local lapsed = {}
for _, execution_id in ipairs(redis.call('ZRANGE', KEYS[1], '-inf', time[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])) do
  local state = state_of(execution_id)
  if state == ARGV[5] or state == 'unreadable' then
    lapsed[#lapsed + 1] = run(execution_id)
  else
    redis.call('ZREM', KEYS[1], execution_id)
  end
end

local waiting = {}
local active = redis.call('ZRANGE', KEYS[2], '-inf', ARGV[3], 'BYSCORE', 'LIMIT', ARGV[4], ARGV[2])
local is_sending = redis.call('LLEN', KEYS[4]) > 0
for _, execution_id in ipairs(active) do
  local state = state_of(execution_id)
  if not state then
    redis.call('ZREM', KEYS[2], execution_id) -- an index entry of a run that no longer exists
  elseif (string.find(ARGV[6], ',' .. state .. ',', 1, true) or state == 'unreadable')
    and not redis.call('ZSCORE', KEYS[3], execution_id)
    and not (is_sending and redis.call('LPOS', KEYS[4], execution_id)) then
    waiting[#waiting + 1] = run(execution_id)
  end
end
return {lapsed, waiting, #active}
