-- Give a renamed task the counters and the average cost that it had under its former id.
-- KEYS: 1 and 2 history, former and new (hashes)  3 and 4 cost, former and new (hashes)
-- Reply: how many of the two were taken. What the task has of its own stays.
local taken = 0
for at = 1, 3, 2 do
  if redis.call('EXISTS', KEYS[at]) == 1 and redis.call('EXISTS', KEYS[at + 1]) == 0 then
    redis.call('RENAME', KEYS[at], KEYS[at + 1])
    taken = taken + 1
  end
end
return taken
