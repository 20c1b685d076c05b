-- Remove a change that waits for an approval, if it is still the one that was seen.
-- KEYS: 1 what waits for an approval (hash)
-- ARGV: 1 task id  2 JSON of the change
-- Reply: 1 removed, 0 it has been answered or changed
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
return redis.call('HDEL', KEYS[1], ARGV[1])
