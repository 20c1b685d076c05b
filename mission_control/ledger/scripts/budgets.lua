-- Budgets: what runs spend in rolling windows. The body of the function `budgets`, which stands in front of the scripts
-- that fire, begin and end runs, and of the one that counts what they spend: most runs never call it. Amounts are whole numbers: billionths of a dollar, tokens, runs. Times are Unix seconds
-- of the Redis server. The hash of budgets has them as JSON, in which `caps` is {unit: {cap, window}}.
--   BUDGETS:spent:<name> (hash): "<unit>:<end of a span>" -> what was spent in it, "noted:<unit>:<percent>" -> since when
--   BUDGETS:reserved:<name> (hash): execution_id -> JSON {unit: what the run may still spend, "lent": 1 if that is too little}
require_rights(KEYS[1])
local SPANS, MEAN_OF, NEAR, UNKNOWN = 100, 10, 80, -1

-- The decisions, as in model/policies/budgets.py. `spent` is a list of {end of a span, amount}, the earliest first.
local function sum_of(spent)
  local sum = 0
  for _, one in ipairs(spent) do
    sum = sum + one[2]
  end
  return sum
end

local function decide_budget(cap, window, spent, reserved, expected)
  local total = sum_of(spent)
  local left = cap - total - reserved
  local needed = expected == UNKNOWN and math.max(1, left) or math.min(expected, cap)
  if total < cap and needed <= left then
    return needed
  end
  local over = math.max(needed - left, total - cap + 1)
  for _, one in ipairs(spent) do
    over = over - one[2]
    if over <= 0 then
      return nil, one[1] + window
    end
  end
end

local function decide_again(cap, window, spent, reserved, left, expected, is_lent)
  if expected ~= UNKNOWN and expected <= left then
    return left
  end
  local needed, frees = decide_budget(cap, window, spent, reserved, expected)
  if needed then
    return math.max(needed, left)
  elseif not is_lent and sum_of(spent) + reserved + left <= cap then
    return left, nil, true
  end
  return nil, frees
end

local function span_end(now, window)
  local span = math.max(1, math.ceil(window / SPANS))
  return (math.floor(now / span) + 1) * span
end

local function mean_after(mean, runs, spent)
  return mean + (spent - mean) / math.min(runs + 1, MEAN_OF)
end

-- ISO 8601; the date by Howard Hinnant's `civil_from_days`.
local function iso(unix)
  local days, rest = math.floor(unix / 86400) + 719468, unix % 86400
  local era = math.floor(days / 146097)
  local day = days - era * 146097
  local year = math.floor((day - math.floor(day / 1460) + math.floor(day / 36524) - math.floor(day / 146096)) / 365)
  day = day - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local month = math.floor((5 * day + 2) / 153)
  day = day - math.floor((153 * month + 2) / 5) + 1
  month = month < 10 and month + 3 or month - 9
  year = year + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02dT%02d:%02d:%02dZ', year, month, day, math.floor(rest / 3600),
    math.floor(rest / 60) % 60, rest % 60)
end

local function whole(amount)
  return string.format('%.0f', amount)
end

-- How a budget stands. `past` are fields of what has left the window.
local function standing_of(budgets, name, text, now)
  local one = {name = name, is = cjson.decode(text), spent = {}, noted = {}, past = {}, life = 0,
    spent_key = budgets .. ':spent:' .. name, reserved_key = budgets .. ':reserved:' .. name}
  one.caps = one.is.caps
  for unit, cap in pairs(one.caps) do
    one.spent[unit] = {}
    one.life = math.max(one.life, cap[2] + math.ceil(cap[2] / SPANS) + 60)
  end
  local stored = redis.call('HGETALL', one.spent_key)
  for at = 1, #stored, 2 do
    local unit, last = string.match(stored[at], '^(%l+):(%d+)$')
    local cap = unit and one.caps[unit]
    if cap and tonumber(last) + cap[2] > now then
      table.insert(one.spent[unit], {tonumber(last), tonumber(stored[at + 1])})
    elseif unit then
      table.insert(one.past, stored[at])
    else
      one.noted[stored[at]] = tonumber(stored[at + 1])
    end
  end
  for _, spent in pairs(one.spent) do
    table.sort(spent, function(a, b) return a[1] < b[1] end)
  end
  return one
end

-- Read how the budgets of a run stand into `standings`; false for one that was removed. An error if a key of one has
-- another type.
local function read_standings(standings, budgets, uses, now)
  for _, use in ipairs(uses) do
    if standings[use[1]] == nil then
      local text = redis.call('HGET', budgets, use[1])
      standings[use[1]] = text and standing_of(budgets, use[1], text, now) or false
    end
  end
end

local function add_reserved(one, id, left)
  one.held[id] = left
  for unit, amount in pairs(left) do
    one.reserved[unit] = (one.reserved[unit] or 0) + amount
  end
end

-- Read what runs have reserved, unless that was done before.
local function read_reserved(one)
  if not one.held then
    one.held, one.reserved = {}, {}
    local stored = redis.call('HGETALL', one.reserved_key)
    for at = 1, #stored, 2 do
      add_reserved(one, stored[at], cjson.decode(stored[at + 1]))
    end
  end
end

-- Forget what runs have reserved that are over: another program has overwritten or deleted them.
local function drop_strays(one, run_prefix, active_states)
  local held = one.held
  one.held, one.reserved = {}, {}
  for id, left in pairs(held) do
    local state = redis.pcall('HGET', run_prefix .. id, 'state')
    if type(state) == 'string' and string.find(active_states, ',' .. state .. ',', 1, true) then
      add_reserved(one, id, left)
    else
      redis.call('HDEL', one.reserved_key, id)
    end
  end
end

local function decide_about(one, unit, expected, run_prefix, active_states, again)
  local function decide()
    local cap, window = unpack(one.caps[unit])
    local reserved, own = one.reserved[unit] or 0, again and one.held[again.id]
    if not own then
      return decide_budget(cap, window, one.spent[unit], reserved, expected)
    end
    local left, is_lent = own[unit] or 0, (one.reserved.lent or 0) > (own.lent or 0)
    return decide_again(cap, window, one.spent[unit], reserved - left, left, expected, is_lent)
  end
  read_reserved(one)
  local needed, frees, is_lent = decide()
  if not needed and one.reserved[unit] and not one.is_checked then
    drop_strays(one, run_prefix, active_states)
    one.is_checked = true
    needed, frees, is_lent = decide()
  end
  return needed, frees, is_lent
end

local function in_words(one, unit)
  local size = unit == 'usd' and 1e9 or 1
  local reserved = one.reserved and one.reserved[unit] or 0
  return string.format('%.15g of %s %s spent', sum_of(one.spent[unit]) / size, one.is[unit], unit)
    .. (reserved > 0 and string.format(', %.15g reserved', reserved / size) or '')
end

-- Note once in a window that so much of a budget is spent; at 100 percent it keeps runs from starting.
local function note_mark(one, unit, percent, text, now, notices)
  local mark, window = 'noted:' .. unit .. ':' .. percent, one.caps[unit][2]
  if one.noted[mark] and one.noted[mark] + window > now then
    return
  end
  for _, passed in ipairs({'noted:' .. unit .. ':' .. NEAR, mark}) do
    one.noted[passed] = now
    redis.call('HSET', one.spent_key, passed, whole(now))
  end
  redis.call('EXPIRE', one.spent_key, whole(one.life))
  -- An overwritten key of notices must not stop the script half-way.
  redis.pcall('RPUSH', notices, cjson.encode({event = 'budget', task = one.name, at = iso(now), text = text,
    cause = one.name .. ' ' .. unit .. ' ' .. percent}))
end

local function count_spent(one, unit, amount, now, notices)
  local cap, window = unpack(one.caps[unit])
  local spent, last = one.spent[unit], span_end(now, window)
  redis.call('HINCRBY', one.spent_key, unit .. ':' .. whole(last), whole(amount))
  redis.call('EXPIRE', one.spent_key, whole(one.life))
  if #one.past > 0 then
    redis.call('HDEL', one.spent_key, unpack(one.past))
    one.past = {}
  end
  local newest = spent[#spent]
  if newest and newest[1] == last then
    newest[2] = newest[2] + amount
  else
    table.insert(spent, {last, amount})
  end
  local percent = sum_of(spent) >= cap and 100 or NEAR
  if sum_of(spent) * 100 >= cap * NEAR then
    local text = percent == 100 and 'budget %s is used up: %s' or 'budget %s is nearly used up: %s'
    note_mark(one, unit, percent, string.format(text, one.name, in_words(one, unit)), now, notices)
  end
end

-- What a run reserves of each of its budgets, a list of {standing, unit = amount}; or nil, and of which budget and unit
-- there is too little, and when there is more again. `cost_key` has what the runs of its task spend. A run that
-- `has_reserved` when it was fired is over a budget only by what is spent, and has been counted. So is one of which an
-- attempt was begun before: `again` is then {id, unit = what an attempt of it spends, if that is known}.
local function reservations_of(standings, uses, cost_key, run_prefix, active_states, has_reserved, again)
  local found, mean = {}, redis.call('HMGET', cost_key, 'usd', 'tokens')
  for _, use in ipairs(uses) do
    local one = standings[use[1]]
    local expected = {runs = 1, usd = use[2], tokens = use[3]}
    for at, unit in ipairs({'usd', 'tokens'}) do
      if expected[unit] == UNKNOWN and mean[at] then
        expected[unit] = math.ceil(tonumber(mean[at]))
      end
    end
    local reserves = {one}
    if one and again then
      read_reserved(one)
      one = one.held[again.id] and one
    elseif one and has_reserved then
      one.held, one.reserved = {}, {}
    end
    for _, unit in ipairs(one and {'usd', 'tokens', not has_reserved and 'runs' or nil} or {}) do
      if one.caps[unit] then
        local needed, frees, is_lent =
          decide_about(one, unit, again and again[unit] or expected[unit], run_prefix, active_states, again)
        if not needed then
          return nil, one, unit, frees
        end
        reserves[unit], reserves.lent = needed, is_lent and 1 or reserves.lent
      end
    end
    if one then
      found[#found + 1] = reserves
    end
  end
  return found
end

-- Why a run is over a budget, in words and as a cause.
local function why_over(one, unit, frees, now, notices)
  local since = frees and 'frees at ' .. iso(frees) or 'frees when the runs end that have reserved it'
  if frees and (one.reserved[unit] or 0) > 0 then
    since = since .. ', or when runs end that have reserved it'
  end
  local reason = 'over budget ' .. one.name .. ': ' .. in_words(one, unit) .. '; ' .. since
  note_mark(one, unit, 100, reason, now, notices)
  return reason, cjson.encode({class = 'budget', layer = one.name})
end

-- Note what a run reserves. What it reserves belongs to the run: its field `budgets_held` names the budgets, with the
-- span in which each counts the run, 0 if it counts none; it stays as it is when an attempt is begun `again`.
local function reserve(found, run_key, id, now, notices, again)
  local held = {}
  for at, reserves in ipairs(found) do
    local one, left, last = reserves[1], {usd = reserves.usd, tokens = reserves.tokens, lent = reserves.lent}, 0
    if next(left) then
      redis.call('HSET', one.reserved_key, id, cjson.encode(left))
      add_reserved(one, id, left)
    end
    if reserves.runs then
      last = span_end(now, one.caps.runs[2])
      count_spent(one, 'runs', 1, now, notices)
    end
    held[at] = {one.name, last}
  end
  if #held > 0 and not again then
    redis.call('HSET', run_key, 'budgets_held', cjson.encode(held))
  end
end

-- Give back what a run has reserved and not spent; one that has never begun does not count as a run.
local function give_back_reserved(budgets, held, id, has_begun)
  for _, one in ipairs(cjson.decode(held)) do
    local spent_key, field = budgets .. ':spent:' .. one[1], 'runs:' .. whole(one[2])
    redis.call('HDEL', budgets .. ':reserved:' .. one[1], id)
    if not has_begun and redis.call('HGET', spent_key, field) then
      redis.call('HINCRBY', spent_key, field, -1)
    end
  end
end

-- Learn from the end of a run what the runs of its task spend. One that failed before it spent tells nothing.
local function learn_cost(cost_key, usd, tokens, has_succeeded, life)
  local known = redis.call('HMGET', cost_key, 'usd', 'usd_runs', 'tokens', 'tokens_runs')
  for at, unit in ipairs({'usd', 'tokens'}) do
    local spent = tonumber((unit == 'usd' and usd or unit == 'tokens' and tokens) or 0)
    if has_succeeded or spent > 0 then
      local mean, runs = tonumber(known[2 * at - 1] or 0), tonumber(known[2 * at] or 0)
      redis.call('HSET', cost_key, unit, string.format('%.17g', mean_after(mean, runs, spent)), unit .. '_runs',
        math.min(runs + 1, MEAN_OF))
      redis.call('EXPIRE', cost_key, life)
    end
  end
end

return {
  decide = decide_budget, decide_again = decide_again, span_end = span_end, mean_after = mean_after, iso = iso, whole = whole, sum_of = sum_of,
  read_standings = read_standings, read_reserved = read_reserved, reservations_of = reservations_of,
  why_over = why_over, reserve = reserve, count_spent = count_spent, give_back_reserved = give_back_reserved,
  learn_cost = learn_cost,
}
