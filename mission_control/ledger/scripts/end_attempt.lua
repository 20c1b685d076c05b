-- End an attempt: the run waits for its next one, or is over.
-- KEYS: 1 run (hash)  2 schedule (zset)  3 schedule entry of the task (hash)
-- ARGV: 1 states it may come from, joined by commas with one before and after  2 attempt that the caller has seen
--       3 "1" if the new state is final  4 execution_id  5 task  6 finished at, Unix seconds  7 finished at, ISO
--       8 seconds to keep the run  9 runs to keep for the task  10 counter of the history to raise, or ""
--       11 next due instant of the task, Unix seconds, "" to leave it alone: it is set unless the task is
--       gone or has one already  12 fence of the attempt, or "" for any  13 scheduled time, Unix seconds
--       14 identity of the record of this ending  15 "1" if the run was running  16 "1" if it is a run of a task
--       17 seconds until the next attempt is due, or ""
--       18 notice of this ending, or ""  19 "opens": the next success of the task has a notice too; "closes": only if
--       one was opened before; "tells"  20… field, value, … to write
-- Needs the constants, overlap.lua, limits.lua, budgets.lua and trimming.lua
-- Reply: {field, value, …} of the run afterwards, or {} if it was refused and nothing changed; {"cancel",
--        why}, and nothing changed, if another attempt would follow but cancellation was requested, or the task
--        is gone; an error, and nothing changed, if a key has another type
local key, schedule, entry = unpack(KEYS)
local states_before, seen_attempt, is_over, id, task, now, now_iso, life, keep, counter = unpack(ARGV)
local next_due, fence, scheduled, identity, was_running, is_of_task, retry_in, notice, noted = unpack(ARGV, 11)
is_over, was_running, is_of_task = is_over == '1', was_running == '1', is_of_task == '1'
local history, runs, waiting = OF_TASK .. task .. HISTORY, OF_TASK .. task .. RUNS, OF_TASK .. task .. WAITING
local others, requested, effects = OF_TASK .. task .. OTHER_ACTIVE, OF_TASK .. task .. REQUESTED, EFFECTS .. id

-- What may fail is read before the first write; the error of a key that has another type names it.
local function read(command, of, ...)
  local answer = redis.pcall(command, of, ...)
  if type(answer) ~= 'table' or not answer.err then
    return answer
  elseif string.find(answer.err, 'WRONGTYPE', 1, true) then
    error({err = 'WRONGTYPE ' .. of .. ' is a ' .. redis.call('TYPE', of).ok .. ', which ' .. command .. ' cannot read'})
  end
  error(answer)
end

local stored, run = redis.call('HGETALL', key), {}
for at = 1, #stored, 2 do
  run[stored[at]] = stored[at + 1]
end
if not run.state or not string.find(states_before, ',' .. run.state .. ',', 1, true) then
  return {}
elseif (run.attempt or '0') ~= seen_attempt or fence ~= '' and run.fence ~= fence then
  return {}
end
local registered = read('HMGET', entry, 'revision', 'downstream')
local is_registered, has_downstream = registered[1], is_over and registered[2]
if not is_over and (run.cancel_requested or is_of_task and not is_registered) then
  return {'cancel', run.cancel_requested or 'its task was removed'}
end

local is_skipped = counter == 'skipped_count' and was_running -- by its condition: it has not started
local facts = {}
if is_skipped then
  local is_read, spec = pcall(cjson.decode, run.spec)
  facts = is_read and spec or facts
end
local turn, others_count, has_waiting, counts, is_listed, has_parked, has_payloads, retention
local counters = {counter == 'skipped_count' and 'consecutive_skips' or 'total_runs', counter,
  counter == 'failure_count' and 'consecutive_failures' or nil}
read('HLEN', PENDING_RECORDS)
read('ZCARD', LEASES)
if is_over then
  read('ZCARD', ACTIVE_RUNS)
  read('ZCARD', FINISHED_RUNS)
  counts, is_listed = read('HMGET', history, unpack(counters)), read('ZSCORE', runs, id)
  has_parked, has_payloads = read('ZCARD', PARKED) > 0, read('HLEN', PARKED_PAYLOADS) > 0
  retention = read('HGET', KNOWN_SINCE, 'retention')
  turn = turn_of(task, {FIRST_ACTIVE_RUNS, others, waiting, requested})
  local sets = redis.call('EXISTS', others, waiting, requested) -- most tasks have one active run at most
  others_count = sets > 0 and read('ZCARD', others) or 0
  has_waiting = sets > math.min(others_count, 1)
  if has_waiting then
    read('ZCARD', waiting)
    read('ZCARD', requested)
  end
  if next_due ~= '' then
    read('ZCARD', schedule)
  end
  if not is_registered and is_of_task then -- others may come after a task that was removed
    has_downstream = redis.call('EXISTS', OF_TASK .. task .. DOWNSTREAM) == 1
  end
  if has_downstream then
    read('ZCARD', UPSTREAM_RUNS)
  end
end

local limit = (run.limits_held or run.limit_place or facts.limits) and limits()
local budget = is_over and run.budgets_held and budgets()
require_rights(key)
-- The fields of the run that are written, and that are removed.
local written, removed = {unpack(ARGV, 20)}, {}
local function write(field, value)
  written[#written + 1], written[#written + 2] = field, value
end
local function remove(...)
  for _, field in ipairs({...}) do
    removed[#removed + 1] = run[field] and field
    run[field] = nil
  end
end

if retry_in ~= '' then -- by the slower one of two clocks, so that none makes a run wait for long
  write('not_before', tostring(math.min(now, redis.call('TIME')[1]) + retry_in))
end
if run.limits_held or run.limit_place then
  limit.free(LIMITS, key, id, run.limits_held, run.limit_place, PARKED, WAKE_CHANNEL, OF_RUN)
  remove('limits_held', 'limit_place', 'limited_by', 'limited_until')
end
if facts.limits then
  pcall(limit.give_back_tokens, LIMITS, facts, limit.server_now())
end
if budget then -- an overwritten key of a budget must not keep a run from ending
  local has_begun = tonumber(run.attempt or 0) > 0 and not is_skipped
  pcall(budget.give_back_reserved, BUDGETS, run.budgets_held, id, has_begun)
  pcall(budget.learn_cost, OF_TASK .. task .. COST, run.spent_usd, run.spent_tokens, counter == 'success_count', life)
  remove('budgets_held')
end
if was_running then
  remove('lease_until', 'resent_at', 'resends')
  redis.call('ZREM', LEASES, id)
end
if is_over then
  remove('waits_for', 'waits_until', 'awaits_due')
  remove_active(turn, id, others_count)
end
if has_waiting then
  redis.call('ZREM', waiting, id)
  redis.call('ZREM', requested, id)
  local released = release_next(turn, now, now_iso, OF_RUN, ACTIVE_STATES)
  if released then
    write('released_run', released)
  end
end
for at = 1, #written, 2 do
  run[written[at]] = written[at + 1]
end
if run.cancel_requested and run.state == CANCELLED then
  write('reason', run.cancel_requested)
  run.reason = run.cancel_requested
end
redis.call('HSET', key, unpack(written))
if #removed > 0 then
  redis.call('HDEL', key, unpack(removed))
end

-- The record of this ending is pending from now on, with the run as it is now: the run may go on, or be dropped.
local after, pending = {}, {redis.call('TIME')[1], now_iso}
for field, value in pairs(run) do
  after[#after + 1], after[#after + 2] = field, value
  if string.find(RECORDED, ',' .. field .. ',', 1, true) then
    pending[#pending + 1], pending[#pending + 2] = field, value
  end
end
redis.call('HSET', PENDING_RECORDS, identity, cjson.encode(pending))

-- An overwritten key of notices must not keep a run from ending.
if notice ~= '' and (noted ~= 'closes' or redis.pcall('HEXISTS', INCIDENTS, task) == 1) then
  redis.pcall('RPUSH', NOTICES, notice)
  if noted == 'opens' then
    redis.pcall('HSETNX', INCIDENTS, task, '')
  end
end

if is_over then
  redis.call('ZREM', ACTIVE_RUNS, id)
  if has_parked then
    redis.call('ZREM', PARKED, id)
  end
  if has_payloads then
    redis.call('HDEL', PARKED_PAYLOADS, id)
  end
  redis.call('ZADD', FINISHED_RUNS, now, id)
  if retention ~= life then
    redis.call('HSET', KNOWN_SINCE, 'retention', life)
  end
  if redis.call('ZREMRANGEBYSCORE', FINISHED_RUNS, '-inf', now - life) > 0 then
    raise_mark(KNOWN_SINCE, 'runs', now - life)
  end
  redis.call('EXPIRE', key, life)
  redis.call('EXPIRE', effects, life)
  if not is_listed then -- the index was deleted, or has expired
    redis.call('ZADD', runs, scheduled, id)
  end
  if redis.pcall('ZINTERCARD', 2, runs, ACTIVE_RUNS, 'LIMIT', 1) == 0 then -- an error before Redis 7
    redis.call('EXPIRE', runs, life) -- until another run is entered
  end
  local of_task = {}
  if counter == 'success_count' then
    of_task = {'last_run', run.started_at or now_iso, 'last_success', now_iso, 'consecutive_failures', 0,
      'consecutive_skips', 0}
  elseif counter == 'failure_count' then
    of_task = {'last_run', run.started_at or now_iso, 'consecutive_skips', 0}
  end
  for at, name in ipairs(counter ~= '' and counters or {}) do
    if tonumber(counts[at] or 0) then -- else another program has overwritten it
      of_task[#of_task + 1], of_task[#of_task + 2] = name, (counts[at] or 0) + 1
    end
  end
  if #of_task > 0 then
    redis.call('HSET', history, unpack(of_task))
  end
  if not is_registered then
    redis.call('EXPIRE', history, life)
  elseif next_due ~= '' and redis.call('ZADD', schedule, 'NX', next_due, entry) == 1 then
    redis.call('HSET', entry, 'due', next_due)
    redis.pcall('PUBLISH', WAKE_CHANNEL, entry) -- beat looks every second in any case
  end
  if has_downstream then
    redis.call('ZADD', UPSTREAM_RUNS, 0, id) -- at once, whatever the clocks say
    redis.pcall('PUBLISH', WAKE_CHANNEL, entry)
  end
  trim_runs(runs, ACTIVE_RUNS, FINISHED_RUNS, KNOWN_SINCE, tonumber(keep), 20, OF_RUN, EFFECTS)
end
return after
