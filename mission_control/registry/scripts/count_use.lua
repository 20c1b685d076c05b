-- Count a use, or a refusal, of a holder; those of more kinds than so many in a span are counted together.
-- KEYS: 1 the counts (hash)
-- ARGV: 1 the use  2 the use that stands for those of further kinds  3 the number of kinds  4 how many at most
-- Reply: the use that was counted, how often it was in its span
local use = ARGV[1]
require_rights(KEYS[1])
if redis.call('HEXISTS', KEYS[1], use) == 0 and redis.call('HINCRBY', KEYS[1], ARGV[3], 1) > tonumber(ARGV[4]) then
  use = ARGV[2]
end
return {use, redis.call('HINCRBY', KEYS[1], use, 1)}
