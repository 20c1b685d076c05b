-- Begin an attempt of a run under a lease, if it is the next attempt and no other worker has it.
-- KEYS: 1 run (hash)  2 why it must not begin, if so (string)  3 leases (zset)  4 pending audit records (hash)
--       5 named limits (hash)  6 parked messages (zset)  7 their payloads (hash); for a run with limits
-- ARGV: 1 attempt  2 started at, ISO  3 worker  4 seconds of the lease  5 handler that the delivery would run, "" for
--       any  6 id of the worker's process that asks  7 seconds by which clocks may differ, "" to begin it before it is
--       due  8 and 9 identity of the record of a lost claim, before and after its fence
--       These are always the same:
--       10 deliveries of one attempt that may begin it  11 prefix and 12 suffix of the keys of histories
--       13 fields that a record is made of, joined by commas with one before and after  14 state of a running run
--       15 states in which a run waits, joined likewise  16 state of an interrupted run  17 prefix of run keys
--       18 first active runs of tasks (hash)  19 and 20 suffixes of the keys of a task's other active runs, and of
--       requests that wait  21 states of active runs, joined likewise  22 channel that wakes beat  23 budgets (hash)
--       24 suffix of the keys of what the runs of a task spend  25 outbox of notices (list)
-- Needs overlap.lua, limits.lua and budgets.lua
-- Reply: {verdict, last success, or why it is over a budget, or "", the run as the lost worker had it (JSON list of
-- field, value, …), or the cause why it is over a budget, or "", field, value, …}; the verdict is one of
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
  local answer = redis.call('HGETALL', KEYS[1])
  table.insert(answer, 1, lost or '')
  table.insert(answer, 1, last_success or '')
  table.insert(answer, 1, verdict)
  return answer
end

-- The run, as a list of field and value, with nothing but what a record is made of.
local function recorded(run)
  local kept = {}
  for at = 1, #run, 2 do
    if string.find(ARGV[13], ',' .. run[at] .. ',', 1, true) then
      kept[#kept + 1] = run[at]
      kept[#kept + 1] = run[at + 1]
    end
  end
  return kept
end

local found = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'spec', 'lease_until', 'deliveries', 'cancel_requested',
  'fence', 'waits_for', 'awaits_due', 'not_before', 'limits_held', 'limit_place', 'budgets_held', 'spent_usd',
  'spent_tokens')
local state, last, spec = found[1], tonumber(found[2] or ''), found[3]
if not state then
  return {'unknown', '', ''}
end
local is_read, facts = pcall(cjson.decode, spec or '')
if not is_read or type(facts) ~= 'table' or type(facts.task_id) ~= 'string' or not last then
  return {'unreadable', '', ''}
end
if ARGV[5] ~= '' and facts.handler ~= ARGV[5] then
  return reply('foreign')
end

local function must_not_begin()
  local reason = found[6] or redis.call('GET', KEYS[2])
  if reason and not found[6] then
    redis.call('HSET', KEYS[1], 'cancel_requested', reason)
  end
  return reason
end

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local attempt, deliveries, lost, pending = tonumber(ARGV[1]), 1, '', nil
local is_running = state == ARGV[14]
if is_running or state == ARGV[16] then
  if attempt ~= last then
    return reply('stale')
  elseif is_running and tonumber(found[4] or '0') > now then
    return reply('held')
  elseif must_not_begin() then
    return reply('cancel')
  end
  deliveries = tonumber(found[5] or '1') + 1
  if deliveries > tonumber(ARGV[10]) then
    return reply('poisoned')
  end
  if is_running then -- its lease ran out
    local before = recorded(redis.call('HGETALL', KEYS[1]))
    lost = cjson.encode(before)
    table.insert(before, 1, ARGV[2])
    table.insert(before, 1, time[1])
    pending = cjson.encode(before)
  end
elseif not string.find(ARGV[15], ',' .. state .. ',', 1, true) then
  return reply('finished')
elseif attempt ~= last + 1 then
  return reply('stale')
elseif found[8] then
  return reply('waits')
elseif must_not_begin() then
  return reply('cancel')
elseif found[10] and ARGV[7] ~= '' and (tonumber(found[10]) or 0) > now + tonumber(ARGV[7]) then
  return reply('early')
end

require_rights(KEYS[1])
if found[9] and not is_running then -- it was entered before it was due
  local prefix = ARGV[11] .. facts.task_id
  local turn = turn_of(facts.task_id, {ARGV[18], prefix .. ARGV[19], nil, prefix .. ARGV[20]})
  local blocker = blocker_of(turn, now, ARGV[17], ARGV[21], facts.execution_id)
  if blocker then
    redis.call('ZADD', turn.requested, now, facts.execution_id)
    redis.call('ZREM', turn.others, facts.execution_id)
    redis.call('HDEL', KEYS[1], 'awaits_due')
    redis.call('HSET', KEYS[1], 'waits_for', blocker[1])
    return reply('waits')
  end
end

-- Read every key that may have another type before the first write.
local last_success = redis.call('HGET', ARGV[11] .. facts.task_id .. ARGV[12], 'last_success') or ''
redis.call('ZSCORE', KEYS[3], facts.execution_id)
local budget, reservations, again
if facts.budgets and (last == 0 or found[13]) then
  budget = budgets()
  if last > 0 then -- a lost worker may have spent anything of what an attempt spends
    local ended = attempt > last and last
    again = {id = facts.execution_id, usd = ended and math.ceil((tonumber(found[14]) or 0) / ended),
      tokens = ended and math.ceil((tonumber(found[15]) or 0) / ended)}
  end
  local standings, uses, cost_key = {}, cjson.decode(facts.budgets), ARGV[11] .. facts.task_id .. ARGV[24]
  budget.read_standings(standings, ARGV[23], uses, now)
  local one, unit, frees
  reservations, one, unit, frees =
    budget.reservations_of(standings, uses, cost_key, ARGV[17], ARGV[21], found[13], again)
  if not reservations then
    return reply('over_budget', budget.why_over(one, unit, frees, now, ARGV[25]))
  end
  reservations = (again or not found[13]) and reservations -- else they were made when it was fired
end
local held
if facts.limits then
  local limit, has_slots, place, id = limits(), is_running, found[12], facts.execution_id
  local buckets, group = limit.buckets_of(KEYS[5], facts)
  local bucket, what, start, arrival =
    limit.in_the_way(buckets, now, has_slots, place, ARGV[17], ARGV[14])
  if bucket and is_running then
    return reply('held') -- the sweep takes it from its worker, and sends it again
  elseif bucket then
    limit.wait_in(KEYS[5], bucket, what, start, arrival, group, KEYS[1], id, place,
      {parked = KEYS[6], payloads = KEYS[7]}, ARGV[22], now, ARGV[17])
    return reply('limited')
  end
  held = limit.take(buckets, id, now, has_slots) or has_slots and found[11]
  if place then
    limit.leave(KEYS[5], place, KEYS[6], ARGV[22], now, ARGV[17])
    redis.call('HDEL', KEYS[1], 'limit_place', 'limited_by', 'limited_until')
  end
end
if pending then
  redis.call('HSET', KEYS[4], ARGV[8] .. (found[7] or '') .. ARGV[9], pending)
end
local lease_until = string.format('%.3f', now + tonumber(ARGV[4]))
redis.call('HSET', KEYS[1], 'state', ARGV[14], 'attempt', attempt, 'started_at', ARGV[2], 'worker', ARGV[3],
  'deliveries', deliveries, 'lease_until', lease_until, 'fence', (tonumber(found[7] or '') or 0) + 1,
  'pid', ARGV[6])
redis.call('HDEL', KEYS[1], 'retry_at', 'output', 'error', 'reason', 'duration_ms', 'resent_at', 'resends', 'awaits_due',
  'not_before')
if held then
  redis.call('HSET', KEYS[1], 'limits_held', held)
end
if reservations then
  budget.reserve(reservations, KEYS[1], facts.execution_id, now, ARGV[25], again)
end
if facts.deadline and not found[7] then
  redis.call('HSET', KEYS[1], 'first_started_at', ARGV[2])
end
redis.call('ZADD', KEYS[3], lease_until, facts.execution_id)
return reply('begun', last_success, lost)
