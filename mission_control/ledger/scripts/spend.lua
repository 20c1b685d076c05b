-- Count what a run has spent, even if another worker has the run now, or it is over: what is spent is spent.
-- KEYS: 1 run (hash)  2 budgets (hash)  3 outbox of notices (list)
-- ARGV: 1 execution_id  2 billionths of a dollar  3 tokens  4 the run's budgets (JSON)
-- Needs budgets.lua
-- Reply: 1 if something is left of each budget, else 0; an error, and nothing is counted, if a key has another type
local budget = budgets()
local now, uses, standings = tonumber(redis.call('TIME')[1]), cjson.decode(ARGV[4]), {}
local amounts = {usd = tonumber(ARGV[2]), tokens = tonumber(ARGV[3])}
budget.read_standings(standings, KEYS[2], uses, now)
local held = {}
for _, one in pairs(standings) do
  if one then
    held[one.name] = redis.call('HGET', one.reserved_key, ARGV[1])
  end
end
local is_known = redis.call('HEXISTS', KEYS[1], 'state') == 1

require_rights(KEYS[1])
local is_left = true
for unit, amount in pairs(amounts) do
  if is_known and amount > 0 then
    redis.call('HINCRBY', KEYS[1], 'spent_' .. unit, budget.whole(amount))
  end
  for _, one in pairs(standings) do
    if one and one.caps[unit] then
      if amount > 0 then
        budget.count_spent(one, unit, amount, now, KEYS[3])
      end
      is_left = is_left and budget.sum_of(one.spent[unit]) < one.caps[unit][1]
    end
  end
end
for name, text in pairs(held) do
  if text then
    local left = cjson.decode(text)
    for unit, amount in pairs(left) do
      left[unit] = math.max(0, amount - (amounts[unit] or 0))
    end
    redis.call('HSET', standings[name].reserved_key, ARGV[1], cjson.encode(left))
  end
end
return is_left and 1 or 0
