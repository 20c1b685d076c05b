-- End an attempt: the run waits for its next one, or is over.
-- KEYS: 1 run (hash)  2 active runs (zset)  3 finished runs (zset)  4 history of the task (hash)
--       5 runs of the task (zset)  6 schedule (zset)  7 schedule entry of the task (hash)
--       8 pending audit records (hash)  9 leases (zset)  10 effects of the run (set)
--       11 parked messages (zset)  12 their payloads (hash)  13 high-water marks of what is remembered (hash)
--       14 first active runs of tasks (hash), 15 other active runs of the task, 16 occurrences of it that wait for
--       them, 17 requests that do (zsets)
--       18 named limits (hash), for a run that has or waits for some
--       19 outbox of notices (list)  20 open incidents (hash)
--       21 ended runs that other tasks come after (zset)
--       22 budgets (hash)  23 what the runs of the task spend (hash), for a run that has reserved of some
-- ARGV: 1 states it may come from, joined by commas with one before and after  2 attempt that
--       the caller has seen
--       3 "1" if the new state is final  4 execution_id  5 finished at, Unix seconds
--       6 finished at, ISO  7 seconds to keep the run  8 runs to keep for the task
--       9 counter of the history to raise, or ""  10 prefix of run keys
--       11 next due instant of the task, Unix seconds, "" to leave it alone: it is set unless the task is
--       gone or has one already  12 channel that wakes beat
--       13 fence of the attempt, or "" for any  14 prefix of the keys of effects  15 fields that a record is
--       made of, joined by commas with one before and after  16 scheduled time, Unix seconds
--       17 state of a cancelled run  18 identity of the record of this ending
--       19 "1" if the run was running  20 "1" if it is a run of a task  21 states of active runs, joined by
--       commas with one before and after  22 task  23 seconds until the next attempt is due, or ""
--       24 notice of this ending, or ""  25 "opens": the next success of the task has a notice too; "closes": only if
--       one was opened before; "tells"  26… field, value, … to write
-- Needs overlap.lua, limits.lua, budgets.lua and trimming.lua
-- Reply: {field, value, …} of the run afterwards, or {} if it was refused and nothing changed; {"cancel",
--        why}, and nothing changed, if another attempt would follow but cancellation was requested, or the task
--        is gone; an error, and nothing changed, if a key has another type
local found = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'fence', 'cancel_requested', 'started_at',
  'limits_held', 'limit_place', 'budgets_held', 'spent_usd', 'spent_tokens', 'waits_for', 'waits_until', 'awaits_due')
local state, attempt, cancel_requested, started_at = found[1], found[2], found[4], found[5]
if not state or not string.find(ARGV[1], ',' .. state .. ',', 1, true) then
  return {}
end
if (attempt or '0') ~= ARGV[2] or ARGV[13] ~= '' and found[3] ~= ARGV[13] then
  return {}
end
local fields = {}
for at = 26, #ARGV, 2 do
  fields[ARGV[at]] = ARGV[at + 1]
end
local has_turns = redis.call('EXISTS', KEYS[15], KEYS[16], KEYS[17]) > 0 -- most tasks have one active run at most
local kinds = {'hash', 'zset', 'zset', 'hash', 'zset', 'zset', 'hash', 'hash', 'zset', 'set', 'zset', 'hash', 'hash',
  'hash', 'zset', 'zset', 'zset'}
for at = 1, has_turns and 17 or 14 do
  local kind = kinds[at]
  local is = redis.call('TYPE', KEYS[at]).ok
  if is ~= kind and is ~= 'none' then
    return redis.error_reply('WRONGTYPE ' .. KEYS[at] .. ' is a ' .. is .. ' and must be a ' .. kind)
  end
end

local entry = redis.call('HMGET', KEYS[7], 'revision', 'downstream')
local is_registered, has_downstream = entry[1], ARGV[3] == '1' and entry[2]
if ARGV[3] == '1' and not is_registered and ARGV[20] == '1' then -- others may come after a task that was removed
  has_downstream = redis.call('EXISTS', (string.gsub(KEYS[4], 'history$', 'downstream'))) == 1
end
if has_downstream then
  redis.call('ZSCORE', KEYS[21], ARGV[4]) -- an error if it has another type
end
local turn = turn_of(ARGV[22], {unpack(KEYS, 14, 17)})
local is_skipped = ARGV[9] == 'skipped_count' and ARGV[19] == '1' -- by its condition: it has not started
local facts = {}
if is_skipped then
  local is_read, spec = pcall(cjson.decode, redis.call('HGET', KEYS[1], 'spec'))
  facts = is_read and spec or facts
end
if ARGV[3] ~= '1' and (cancel_requested or ARGV[20] == '1' and not is_registered) then
  return {'cancel', cancel_requested or 'its task was removed'}
end

local limit = (found[6] or found[7] or facts.limits) and limits()
local budget = ARGV[3] == '1' and found[8] and budgets()
require_rights(KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 26))
if ARGV[23] ~= '' then -- by the slower one of two clocks, so that none makes a run wait for long
  redis.call('HSET', KEYS[1], 'not_before', math.min(ARGV[5], redis.call('TIME')[1]) + ARGV[23])
end
if cancel_requested and fields['state'] == ARGV[17] then
  redis.call('HSET', KEYS[1], 'reason', cancel_requested)
end
if ARGV[19] == '1' then
  redis.call('HDEL', KEYS[1], 'lease_until', 'resent_at', 'resends')
  redis.call('ZREM', KEYS[9], ARGV[4])
end
if found[6] or found[7] then
  limit.free(KEYS[18], KEYS[1], ARGV[4], found[6], found[7], KEYS[11], ARGV[12], ARGV[10])
end
if facts.limits then
  pcall(limit.give_back_tokens, KEYS[18], facts, limit.server_now())
end
if budget then -- an overwritten key of a budget must not keep a run from ending
  pcall(budget.give_back_reserved, KEYS[22], found[8], ARGV[4], tonumber(attempt or 0) > 0 and not is_skipped)
  pcall(budget.learn_cost, KEYS[23], found[9], found[10], ARGV[9] == 'success_count', ARGV[7])
  redis.call('HDEL', KEYS[1], 'budgets_held')
end
if ARGV[3] == '1' then
  remove_active(turn, ARGV[4], has_turns)
  if found[11] or found[12] or found[13] then
    redis.call('HDEL', KEYS[1], 'waits_for', 'waits_until', 'awaits_due')
  end
  if has_turns then
    redis.call('ZREM', turn.waiting, ARGV[4])
    redis.call('ZREM', turn.requested, ARGV[4])
    local released = release_next(turn, ARGV[5], ARGV[6], ARGV[10], ARGV[21])
    if released then
      redis.call('HSET', KEYS[1], 'released_run', released)
    end
  end
end
local after = redis.call('HGETALL', KEYS[1]) -- read now: the run itself may be in the surplus of its task

-- The record of this ending is pending from now on, with the run as it is now: the run may go on, or be dropped.
local pending = {redis.call('TIME')[1], ARGV[6]}
for at = 1, #after, 2 do
  if string.find(ARGV[15], ',' .. after[at] .. ',', 1, true) then
    pending[#pending + 1] = after[at]
    pending[#pending + 1] = after[at + 1]
  end
end
redis.call('HSET', KEYS[8], ARGV[18], cjson.encode(pending))

-- An overwritten key of notices must not keep a run from ending.
if ARGV[24] ~= '' and (ARGV[25] ~= 'closes' or redis.pcall('HEXISTS', KEYS[20], ARGV[22]) == 1) then
  redis.pcall('RPUSH', KEYS[19], ARGV[24])
  if ARGV[25] == 'opens' then
    redis.pcall('HSETNX', KEYS[20], ARGV[22], '')
  end
end

if ARGV[3] == '1' then
  redis.call('ZREM', KEYS[2], ARGV[4])
  redis.call('ZREM', KEYS[11], ARGV[4])
  redis.call('HDEL', KEYS[12], ARGV[4])
  redis.call('ZADD', KEYS[3], ARGV[5], ARGV[4])
  local kept_since = tonumber(ARGV[5]) - tonumber(ARGV[7])
  redis.call('HSET', KEYS[13], 'retention', ARGV[7])
  if redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', kept_since) > 0 then
    raise_mark(KEYS[13], 'runs', kept_since)
  end
  redis.call('EXPIRE', KEYS[1], ARGV[7])
  redis.call('EXPIRE', KEYS[10], ARGV[7])
  redis.call('ZADD', KEYS[5], 'NX', ARGV[16], ARGV[4]) -- the index may have been deleted, or have expired
  local still_active = redis.pcall('ZINTERCARD', 2, KEYS[5], KEYS[2], 'LIMIT', 1) -- an error before Redis 7
  if still_active == 0 then
    redis.call('EXPIRE', KEYS[5], ARGV[7])
  else
    redis.call('PERSIST', KEYS[5])
  end
  if ARGV[9] ~= '' then -- an overwritten counter must not stop the script half-way
    redis.pcall('HINCRBY', KEYS[4], ARGV[9] == 'skipped_count' and 'consecutive_skips' or 'total_runs', 1)
    redis.pcall('HINCRBY', KEYS[4], ARGV[9], 1)
    started_at = fields['started_at'] or started_at or ARGV[6]
  end
  if ARGV[9] == 'success_count' then
    redis.call('HSET', KEYS[4], 'last_run', started_at, 'last_success', ARGV[6], 'consecutive_failures', 0,
      'consecutive_skips', 0)
  elseif ARGV[9] == 'failure_count' then
    redis.call('HSET', KEYS[4], 'last_run', started_at, 'consecutive_skips', 0)
    redis.pcall('HINCRBY', KEYS[4], 'consecutive_failures', 1)
  end
  if not is_registered then
    redis.call('EXPIRE', KEYS[4], ARGV[7])
  elseif ARGV[11] ~= '' and redis.call('ZADD', KEYS[6], 'NX', ARGV[11], KEYS[7]) == 1 then
    redis.call('HSET', KEYS[7], 'due', ARGV[11])
    redis.pcall('PUBLISH', ARGV[12], KEYS[7]) -- beat looks every second in any case
  end
  if has_downstream then
    redis.call('ZADD', KEYS[21], 0, ARGV[4]) -- at once, whatever the clocks say
    redis.pcall('PUBLISH', ARGV[12], KEYS[7])
  end
  trim_runs(KEYS[5], KEYS[2], KEYS[3], KEYS[13], tonumber(ARGV[8]), 20, ARGV[10], ARGV[14])
end
return after
