-- Note which deadlines a run has passed, report it, and when its next deadline is; once.
-- KEYS: 1 runs with deadlines (zset)  2 run (hash)  3 outbox of notices (list)  4 open incidents (hash)
-- ARGV: 1 execution_id  2 its deadline as it was seen, Unix seconds  3 next deadline, Unix seconds, or "" for none
--       4 all that it has passed (JSON list), or "" for nothing new  5 task  6… notices (JSON)
-- Reply: 1 if it was done, 0 if another beat did it
local seen = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not seen or tonumber(seen) ~= tonumber(ARGV[2]) then
  return 0
end
require_rights(KEYS[1])
if ARGV[3] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
end
if ARGV[4] ~= '' and redis.call('EXISTS', KEYS[2]) == 1 then -- it may have been trimmed since
  redis.call('HSET', KEYS[2], 'late', ARGV[4])
end
for at = 6, #ARGV do -- an overwritten key of notices must not keep beat from going on
  redis.pcall('RPUSH', KEYS[3], ARGV[at])
  redis.pcall('HSETNX', KEYS[4], ARGV[5], '')
end
return 1
