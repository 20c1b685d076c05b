-- Begin an attempt of a run under a lease, if it is the next attempt and no other worker has it.
-- KEYS: 1 run (hash)  2 why it must not begin, if so (string)
-- ARGV: 1 attempt  2 started at, ISO  3 worker  4 seconds of the lease  5 handler that the delivery would run, "" for
--       any  6 id of the worker's process that asks  7 seconds by which clocks may differ, "" to begin it before it is
--       due  8 and 9 identity of the record of a lost claim, before and after its fence
-- Needs the constants, overlap.lua, limits.lua and budgets.lua
-- Reply: {verdict, last success, or why it is over a budget, or "", the run as the lost worker had it (JSON list of
-- field, value, …), or the cause why it is over a budget, or "", the run (list of field, value, …; of a field that is
-- there twice, the last value holds)}; the verdict is one of
--   begun       the attempt is this delivery's to run
--   unknown     there is no such run
--   finished    the run is over: acknowledge and drop
--   waits       a run of its task is active, and it must not overlap: drop, that run's end releases it
--   limited     it is over a limit, and its message is parked: drop
--   over_budget a budget does not allow the run, or another attempt of it: end it
--   held        another worker holds the attempt's lease: drop
--   stale       a later attempt was begun, or the one before it has not ended: drop
--   early       the attempt is not due yet: refuse
--   cancel      its cancellation was requested before: end it
--   poisoned    it was begun so often, and never ended, that it is not begun again: end it
--   foreign     the run is another handler's: refuse
--   unreadable  what is there is no run: refuse
local function reply(verdict, last_success, lost)
  return {verdict, last_success or '', lost or '', redis.call('HGETALL', KEYS[1])}
end

-- The run, as a list of field and value, with nothing but what a record is made of.
local function recorded(run)
  local kept = {}
  for at = 1, #run, 2 do
    if string.find(RECORDED, ',' .. run[at] .. ',', 1, true) then
      kept[#kept + 1] = run[at]
      kept[#kept + 1] = run[at + 1]
    end
  end
  return kept
end

local stored = redis.call('HGETALL', KEYS[1])
local run = {}
for at = 1, #stored, 2 do
  run[stored[at]] = stored[at + 1]
end
local last = tonumber(run.attempt or '')
if not run.state then
  return {'unknown', '', '', {}}
end
local is_read, facts = pcall(cjson.decode, run.spec or '')
if not is_read or type(facts) ~= 'table' or type(facts.task_id) ~= 'string' or not last then
  return {'unreadable', '', '', {}}
end
if ARGV[5] ~= '' and facts.handler ~= ARGV[5] then
  return reply('foreign')
end

local function must_not_begin()
  local reason = run.cancel_requested or redis.call('GET', KEYS[2])
  if reason and not run.cancel_requested then
    redis.call('HSET', KEYS[1], 'cancel_requested', reason)
  end
  return reason
end

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local attempt, deliveries, lost, pending = tonumber(ARGV[1]), 1, '', nil
local is_running = run.state == RUNNING
if is_running or run.state == INTERRUPTED then
  if attempt ~= last then
    return reply('stale')
  elseif is_running and tonumber(run.lease_until or '0') > now then
    return reply('held')
  elseif must_not_begin() then
    return reply('cancel')
  end
  deliveries = tonumber(run.deliveries or '1') + 1
  if deliveries > MOST_DELIVERIES then
    return reply('poisoned')
  end
  if is_running then -- its lease ran out
    local before = recorded(stored)
    lost = cjson.encode(before)
    table.insert(before, 1, ARGV[2])
    table.insert(before, 1, time[1])
    pending = cjson.encode(before)
  end
elseif not string.find(WAITING_STATES, ',' .. run.state .. ',', 1, true) then
  return reply('finished')
elseif attempt ~= last + 1 then
  return reply('stale')
elseif run.waits_for then
  return reply('waits')
elseif must_not_begin() then
  return reply('cancel')
elseif run.not_before and ARGV[7] ~= '' and (tonumber(run.not_before) or 0) > now + tonumber(ARGV[7]) then
  return reply('early')
end

-- Read every key that may have another type before the first write.
local last_success = redis.call('HGET', OF_TASK .. facts.task_id .. HISTORY, 'last_success') or ''
redis.call('ZCARD', LEASES)
require_rights(KEYS[1])
if run.awaits_due and not is_running then -- it was entered before it was due
  local prefix = OF_TASK .. facts.task_id
  local turn = turn_of(facts.task_id, {FIRST_ACTIVE_RUNS, prefix .. OTHER_ACTIVE, nil, prefix .. REQUESTED})
  local blocker = blocker_of(turn, now, OF_RUN, ACTIVE_STATES, facts.execution_id)
  if blocker then
    redis.call('ZADD', turn.requested, now, facts.execution_id)
    redis.call('ZREM', turn.others, facts.execution_id)
    redis.call('HDEL', KEYS[1], 'awaits_due')
    redis.call('HSET', KEYS[1], 'waits_for', blocker[1])
    return reply('waits')
  end
end

local budget, reservations, again
if facts.budgets and (last == 0 or run.budgets_held) then
  budget = budgets()
  if last > 0 then -- a lost worker may have spent anything of what an attempt spends
    local ended = attempt > last and last
    again = {id = facts.execution_id, usd = ended and math.ceil((tonumber(run.spent_usd) or 0) / ended),
      tokens = ended and math.ceil((tonumber(run.spent_tokens) or 0) / ended)}
  end
  local standings, uses, cost_key = {}, cjson.decode(facts.budgets), OF_TASK .. facts.task_id .. COST
  budget.read_standings(standings, BUDGETS, uses, now)
  local one, unit, frees
  reservations, one, unit, frees =
    budget.reservations_of(standings, uses, cost_key, OF_RUN, ACTIVE_STATES, run.budgets_held, again)
  if not reservations then
    return reply('over_budget', budget.why_over(one, unit, frees, now, NOTICES))
  end
  reservations = (again or not run.budgets_held) and reservations -- else they were made when it was fired
end
local held
if facts.limits then
  local limit, has_slots, place, id = limits(), is_running, run.limit_place, facts.execution_id
  local buckets, group = limit.buckets_of(LIMITS, facts)
  local bucket, what, start, arrival =
    limit.in_the_way(buckets, now, has_slots, place, OF_RUN, RUNNING)
  if bucket and is_running then
    return reply('held') -- the sweep takes it from its worker, and sends it again
  elseif bucket then
    limit.wait_in(LIMITS, bucket, what, start, arrival, group, KEYS[1], id, place,
      {parked = PARKED, payloads = PARKED_PAYLOADS}, WAKE_CHANNEL, now, OF_RUN)
    return reply('limited')
  end
  held = limit.take(buckets, id, now, has_slots) or has_slots and run.limits_held
  if place then
    limit.leave(LIMITS, place, PARKED, WAKE_CHANNEL, now, OF_RUN)
  end
end
if pending then
  redis.call('HSET', PENDING_RECORDS, ARGV[8] .. (run.fence or '') .. ARGV[9], pending)
end
local lease_until = string.format('%.3f', now + tonumber(ARGV[4]))
local written = {'state', RUNNING, 'attempt', ARGV[1], 'started_at', ARGV[2], 'worker', ARGV[3], 'deliveries',
  tostring(deliveries), 'lease_until', lease_until, 'fence', tostring((tonumber(run.fence or '') or 0) + 1), 'pid', ARGV[6]}
if held then
  written[#written + 1], written[#written + 2] = 'limits_held', held
end
if facts.deadline and not run.fence then
  written[#written + 1], written[#written + 2] = 'first_started_at', ARGV[2]
end
redis.call('HSET', KEYS[1], unpack(written))
local left = {}
for _, field in ipairs({'retry_at', 'output', 'error', 'reason', 'duration_ms', 'resent_at', 'resends', 'awaits_due',
  'not_before', 'limit_place', 'limited_by', 'limited_until'}) do
  left[#left + 1] = run[field] and field
end
if #left > 0 then
  redis.call('HDEL', KEYS[1], unpack(left))
end
if reservations then
  budget.reserve(reservations, KEYS[1], facts.execution_id, now, NOTICES, again)
end
redis.call('ZADD', LEASES, lease_until, facts.execution_id)
if #left > 0 then
  return reply('begun', last_success, lost)
end
for at = 1, #written do
  stored[#stored + 1] = written[at]
end
return {'begun', last_success, lost, stored}
