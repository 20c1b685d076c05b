-- Named limits. The body of the function `limits`, which stands in front of the scripts that begin, interrupt and end
-- attempts, and of the one that cools down a limit: most runs never call it.
-- A limit has buckets: one, or one for each value of `per`. A bucket's keys are LIMITS:<name>:<what>:<value>, where
-- <value> is "-", or "=" and the value. Members of its sets are <weight>:<execution_id>.
--   slots (hash): execution_id -> weight of a run that has slots; "" -> their sum, "@" -> when they were checked last
--   waiting (zset): runs that wait for a slot -> turn     turns (zset): group -> its last turn, "" -> the current one
--   called (zset): runs that were woken for a slot -> until when it is held for them
--   rate (string): theoretical arrival time, see GCRA     booked (zset): runs that wait for it -> the one after them
--   cooled (string): is there while a cooldown is in the arrival time
-- LIMITS:<name>:values:- (zset) has the values of `per` that have a bucket, and some that had: value -> when it was used.
require_rights(KEYS[1])
local HELD_FOR, CHECK_AFTER, LOOK_AGAIN, MOST_EARLY, LONGEST_VALUE = 10, 5, 60, 5, 200

-- The decisions, as in model/policies/limits.py.
local function fits(concurrency, used, called, weight)
  return used + called + math.min(weight, concurrency) <= concurrency
end

local function next_start(arrival, now, interval, burst, weight)
  return math.max(now, math.max(arrival, now) + (weight - math.max(burst, weight)) * interval)
end

local function arrival_after(arrival, now, interval, weight)
  return math.max(arrival, now) + weight * interval
end

local function arrival_after_cooldown(arrival, until_, interval, burst)
  return math.max(arrival, until_ + (burst - 1) * interval)
end

local function next_turn(current, last)
  return math.max(current, last) + 1
end

local function exact(number)
  return string.format('%.6f', number)
end

-- A param by its path, as text; nil if it is missing, or no text, number or boolean.
local function value_of(path, params)
  local value = params
  for name in string.gmatch(string.sub(path, 8), '[^.]+') do
    if type(value) ~= 'table' then
      return nil
    end
    value = value[name]
  end
  if type(value) == 'string' then
    return #value <= LONGEST_VALUE and value or redis.sha1hex(value)
  elseif type(value) == 'number' or type(value) == 'boolean' then
    return type(value) == 'number' and string.format('%.17g', value) or tostring(value)
  end
end

local function bucket_of(limits, name, value, limit)
  local bucket = {name = name, value = value, limit = limit, limits = limits}
  for _, what in ipairs({'slots', 'waiting', 'turns', 'called', 'rate', 'booked', 'cooled'}) do
    bucket[what] = limits .. ':' .. name .. ':' .. what .. ':' .. value
  end
  bucket.values = limits .. ':' .. name .. ':values:-'
  return bucket
end

local function forget_unused_value(bucket)
  local keys = {bucket.slots, bucket.waiting, bucket.called, bucket.booked, bucket.rate}
  return bucket.value ~= '-' and redis.call('EXISTS', unpack(keys)) == 0
    and redis.call('ZREM', bucket.values, bucket.value) == 1
end

-- Note that the bucket of a value is in use. For each new one, two that were used longest ago are looked at, as
-- nothing tells that an arrival time has passed.
local function note_value(bucket, now)
  if bucket.value == '-' or redis.call('ZADD', bucket.values, now, bucket.value) == 0 then
    return
  end
  for _, value in ipairs(redis.call('ZRANGE', bucket.values, 0, 1)) do
    if not forget_unused_value(bucket_of(bucket.limits, bucket.name, value)) then
      redis.call('ZADD', bucket.values, now, value)
    end
  end
end

-- The buckets of a run, each with `limit` and `weight`, and the run's group. A limit that was removed has none.
local function buckets_of(limits, facts)
  local uses, names = cjson.decode(facts.limits), {}
  for at, use in ipairs(uses) do
    names[at] = use[1]
  end
  local buckets, group, params = {}, facts.task_id, nil
  for at, text in ipairs(redis.call('HMGET', limits, unpack(names))) do
    local limit = text and cjson.decode(text)
    if limit then
      local value = '-'
      if limit.per then
        params = params or cjson.decode(facts.params or '{}')
        local found = value_of(limit.per, params)
        value = found and '=' .. found or value
        group = value
      end
      local bucket = bucket_of(limits, names[at], value, limit)
      bucket.weight, bucket.member = uses[at][2], uses[at][2] .. ':' .. facts.execution_id
      bucket.interval, bucket.burst = limit.interval or 0, limit.burst or 1
      buckets[#buckets + 1] = bucket
    end
  end
  return buckets, group
end

local function weight_of(member)
  return tonumber(string.match(member, '^%d+'))
end

-- The weight of the runs that were called and are on their way.
local function called_weight(bucket, now, but_for)
  local sum = 0
  for _, member in ipairs(redis.call('ZRANGE', bucket.called, '(' .. exact(now), '+inf', 'BYSCORE')) do
    sum = sum + (member == but_for and 0 or math.min(weight_of(member), bucket.limit.concurrency))
  end
  return sum
end

local function server_now()
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

-- Have beat send parked runs at once, in this order, whatever its clock says.
local function wake(parked, channel, ids)
  for at, id in ipairs(ids) do
    redis.call('ZADD', parked, 'XX', at, id)
  end
  if #ids > 0 then
    redis.pcall('PUBLISH', channel, 'limit') -- beat looks every second in any case
  end
end

-- Wake runs that wait for slots, in turn, as far as there are any.
local function call_next(bucket, parked, channel, now)
  if redis.call('EXISTS', bucket.waiting) == 0 then
    redis.call('DEL', bucket.turns)
    return
  end
  local used, called, ids = tonumber(redis.call('HGET', bucket.slots, '') or 0), called_weight(bucket, now), {}
  while true do
    local head = redis.call('ZRANGE', bucket.waiting, 0, 0, 'WITHSCORES')
    if not head[1] then
      redis.call('DEL', bucket.turns)
      break
    end
    local weight = weight_of(head[1])
    if not fits(bucket.limit.concurrency, used, called, weight) then
      break
    end
    redis.call('ZREM', bucket.waiting, head[1])
    redis.call('ZADD', bucket.called, exact(now + HELD_FOR), head[1])
    redis.call('ZADD', bucket.turns, math.floor(head[2]), '')
    called = called + math.min(weight, bucket.limit.concurrency)
    ids[#ids + 1] = string.match(head[1], ':(.*)$')
  end
  wake(parked, channel, ids)
end

-- Take slots from runs that do not run: another program has overwritten or deleted them.
local function free_strays(bucket, now, run_prefix, running)
  redis.call('HSET', bucket.slots, '@', exact(now))
  local held = redis.call('HGETALL', bucket.slots)
  for at = 1, #held, 2 do
    local id = held[at]
    if id ~= '' and id ~= '@' and redis.pcall('HGET', run_prefix .. id, 'state') ~= running then
      redis.call('HDEL', bucket.slots, id)
      redis.call('HINCRBY', bucket.slots, '', -tonumber(held[at + 1]))
    end
  end
end

local function lacks_slots(bucket, now, run_prefix, running)
  local concurrency, called = bucket.limit.concurrency, 0
  local found = redis.call('HMGET', bucket.slots, '', '@')
  local used = tonumber(found[1] or 0)
  if redis.call('EXISTS', bucket.waiting, bucket.called) > 0 then
    called = called_weight(bucket, now, bucket.member)
    local head = redis.call('ZRANGE', bucket.waiting, 0, 0)[1]
    if head and head ~= bucket.member and not redis.call('ZSCORE', bucket.called, bucket.member) then
      return true
    end
  end
  if fits(concurrency, used, called, bucket.weight) then
    return false
  elseif used > 0 and now - tonumber(found[2] or 0) > CHECK_AFTER then
    free_strays(bucket, now, run_prefix, running)
    used = tonumber(redis.call('HGET', bucket.slots, '') or 0)
  end
  return not fits(concurrency, used, called, bucket.weight)
end

-- When a run may start by the rate of a bucket, and the arrival time to book if that is not now. A run that waits for
-- it already keeps its place unless it has lost it; any other comes after all that wait.
local function start_by_rate(bucket, now, has_place)
  local arrival = tonumber(redis.call('GET', bucket.rate) or 0)
  bucket.arrival = arrival
  local interval, burst, weight = bucket.interval, bucket.burst, bucket.weight
  if interval == 0 and arrival <= now then
    return now
  end
  local mine = has_place and tonumber(redis.call('ZSCORE', bucket.booked, bucket.member) or '')
  local start = next_start(arrival, now, interval, burst, weight)
  if mine then
    local booked = mine - math.max(burst, weight) * interval
    if start <= now then
      return start
    elseif start - booked < interval then
      -- If it is early, the clock that woke it is ahead.
      return math.max(start, booked) + math.min(math.max(booked - now, 0), MOST_EARLY), mine
    end
  end
  local last = tonumber(redis.call('ZRANGE', bucket.booked, -1, -1, 'WITHSCORES')[2] or 0)
  start = next_start(math.max(arrival, last), now, interval, burst, weight)
  return start, start + math.max(burst, weight) * interval
end

-- Remove a run from where it waits; `place` is what its field `limit_place` says.
local function leave(limits, place, parked, channel, now, run_prefix)
  local name, value, member, what = unpack(cjson.decode(place))
  local text = redis.call('HGET', limits, name)
  local bucket = bucket_of(limits, name, value, text and cjson.decode(text))
  if what == 'booked' then
    local mine = tonumber(redis.call('ZSCORE', bucket.booked, member) or 0)
    redis.call('ZREM', bucket.booked, member)
    local last = redis.call('ZRANGE', bucket.booked, -1, -1, 'WITHSCORES')
    if last[1] and bucket.limit and tonumber(last[2]) > mine and mine > now then
      -- Its instant goes to the run that would wait longest.
      local start = mine - math.max(bucket.limit.burst or 1, weight_of(member)) * (bucket.limit.interval or 0)
      if start > now then
        redis.call('ZADD', bucket.booked, exact(mine), last[1])
        local id = string.match(last[1], ':(.*)$')
        redis.call('ZADD', parked, 'XX', exact(start), id)
        if redis.call('HEXISTS', run_prefix .. id, 'limited_until') == 1 then
          redis.call('HSET', run_prefix .. id, 'limited_until', exact(start))
        end
      end
    end
  else
    redis.call('ZREM', bucket.waiting, member)
    redis.call('ZREM', bucket.called, member)
    if bucket.limit and bucket.limit.concurrency then
      call_next(bucket, parked, channel, now)
    else
      redis.call('DEL', bucket.turns)
    end
  end
  forget_unused_value(bucket)
end

-- Give back the slots of a run; `held` is what its field `limits_held` says.
local function give_back(limits, held, id, parked, channel)
  for _, one in ipairs(cjson.decode(held)) do
    local name, value, weight = unpack(one)
    local bucket = bucket_of(limits, name, value)
    if redis.call('HDEL', bucket.slots, id) == 1 and redis.call('HINCRBY', bucket.slots, '', -weight) <= 0 then
      redis.call('DEL', bucket.slots)
      forget_unused_value(bucket)
    end
    if redis.call('EXISTS', bucket.waiting) == 1 then
      local text = redis.call('HGET', limits, name)
      bucket.limit = text and cjson.decode(text)
      if bucket.limit and bucket.limit.concurrency then
        call_next(bucket, parked, channel, server_now())
      end
    end
  end
end

-- What keeps a run from starting: nothing, or the bucket that it must wait in, "waiting" or "booked", and for the
-- latter when it may start, and the arrival time to book.
local function limit_in_the_way(buckets, now, has_slots, has_place, run_prefix, running)
  for _, bucket in ipairs(buckets) do
    if bucket.limit.concurrency and not has_slots and lacks_slots(bucket, now, run_prefix, running) then
      return bucket, 'waiting'
    end
  end
  local found, latest, booked = nil, now, nil
  for _, bucket in ipairs(buckets) do
    local start, arrival = start_by_rate(bucket, now, has_place)
    if start > latest then
      found, latest, booked = bucket, start, arrival
    end
  end
  return found, 'booked', latest, booked
end

-- Take what a run that begins needs; returns what its field `limits_held` is to say, nil if it holds no slots.
local function take_limits(buckets, id, now, has_slots)
  local held = {}
  for _, bucket in ipairs(buckets) do
    if bucket.limit.concurrency and not has_slots then
      local weight = math.min(bucket.weight, bucket.limit.concurrency)
      redis.call('HINCRBY', bucket.slots, '', weight)
      redis.call('HSET', bucket.slots, id, weight)
      held[#held + 1] = {bucket.name, bucket.value, weight}
    end
    if bucket.interval > 0 then
      local arrival = arrival_after(bucket.arrival, now, bucket.interval, bucket.weight)
      redis.call('SET', bucket.rate, exact(arrival), 'PX', math.ceil((arrival - now) * 1000) + 1000)
    end
    note_value(bucket, now)
  end
  return #held > 0 and cjson.encode(held) or nil
end

-- Give back the tokens of a run that its condition has skipped, but for those of a limit that was cooled down meanwhile.
local function give_back_tokens(limits, facts, now)
  for _, bucket in ipairs((buckets_of(limits, facts))) do
    local arrival = bucket.interval > 0 and tonumber(redis.call('GET', bucket.rate) or '')
    if arrival and redis.call('EXISTS', bucket.cooled) == 0 then
      arrival = arrival - bucket.weight * bucket.interval
      redis.call('SET', bucket.rate, exact(arrival), 'PX', math.max(1, math.ceil((arrival - now) * 1000) + 1000))
    end
  end
end

-- Let a run wait in a bucket, with its message parked, from where beat sends it by its id.
local function wait_in(limits, bucket, what, start, arrival, group, run_key, id, before, keys, channel, now, run_prefix)
  local place = cjson.encode({bucket.name, bucket.value, bucket.member, what})
  if before and before ~= place then
    leave(limits, before, keys.parked, channel, now, run_prefix)
  end
  if what == 'booked' then
    redis.call('ZADD', bucket.booked, exact(arrival), bucket.member)
    redis.call('HSET', run_key, 'limited_until', exact(start))
  else
    if not redis.call('ZSCORE', bucket.waiting, bucket.member) then
      local turn = tonumber(redis.call('ZSCORE', bucket.turns, '') or 0)
      if redis.call('ZREM', bucket.called, bucket.member) == 0 then
        turn = next_turn(turn, tonumber(redis.call('ZSCORE', bucket.turns, group) or 0))
        redis.call('ZADD', bucket.turns, turn, group)
        turn = turn + math.min(redis.call('ZCARD', bucket.waiting), 100000) / 1000000 -- of one turn, the first comes first
      end -- else it was called in vain, and keeps its turn
      redis.call('ZADD', bucket.waiting, turn, bucket.member)
    end
    redis.call('HDEL', run_key, 'limited_until')
    -- The end of a run wakes it; looking again is for what no end reports.
    start = now + LOOK_AGAIN + redis.call('ZRANK', bucket.waiting, bucket.member)
  end
  note_value(bucket, now)
  redis.call('HSET', run_key, 'limited_by', bucket.name, 'limit_place', place)
  redis.call('HSET', keys.payloads, id, cmsgpack.pack({'', ''}))
  redis.call('ZADD', keys.parked, exact(start), id)
  if what == 'waiting' then
    call_next(bucket, keys.parked, channel, now)
  elseif redis.call('ZRANGE', keys.parked, 0, 0)[1] == id then
    redis.pcall('PUBLISH', channel, id)
  end
end

-- The end of an attempt, or of a run that waits. A key that another program has overwritten must not stop it.
local function free_limits(limits, run_key, id, held, place, parked, channel, run_prefix)
  if held then
    pcall(give_back, limits, held, id, parked, channel)
  end
  if place then
    pcall(leave, limits, place, parked, channel, server_now(), run_prefix)
  end
  if held or place then
    redis.call('HDEL', run_key, 'limits_held', 'limit_place', 'limited_by', 'limited_until')
  end
end

return {
  fits = fits, next_start = next_start, arrival_after = arrival_after, arrival_after_cooldown = arrival_after_cooldown,
  next_turn = next_turn, exact = exact, server_now = server_now, buckets_of = buckets_of,
  in_the_way = limit_in_the_way, take = take_limits, give_back_tokens = give_back_tokens, wait_in = wait_in,
  leave = leave, free = free_limits,
}
