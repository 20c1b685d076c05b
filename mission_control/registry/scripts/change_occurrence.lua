-- Change one occurrence of a task, if nothing has happened to the task or the pauses meanwhile.
-- KEYS: 1 pauses (hash)  2 version of the pauses (string)  3 schedule (zset)  4 entry of the task (hash)
--       5 edits (stream)
-- ARGV: 1 version that the caller saw, "" for none  2 next due instant that it saw, Unix seconds, "" for none
--       3 name of the occurrence  4 JSON, "" to forget the change  5 when it is due now, if it was moved, Unix
--       seconds, else ""  6 channel that wakes beat  7 JSON list of the edit
-- Reply: 1 changed; 0 the task has fired or was changed, or the pauses were, and nothing was done
local due = redis.call('ZSCORE', KEYS[3], KEYS[4])
local is_same_due = due and tonumber(due) == tonumber(ARGV[2]) or not due and ARGV[2] == ''
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] or not is_same_due then
  return 0
end
require_rights(KEYS[1])
if ARGV[4] == '' then
  redis.call('HDEL', KEYS[1], ARGV[3])
else
  redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
end
redis.call('INCR', KEYS[2])
if due and ARGV[5] ~= '' and tonumber(ARGV[5]) < tonumber(due) then
  redis.call('HSET', KEYS[4], 'due', ARGV[5])
  redis.call('ZADD', KEYS[3], ARGV[5], KEYS[4])
end
redis.pcall('XADD', KEYS[5], 'MAXLEN', '~', 1000, '*', 'edits', ARGV[7])
redis.pcall('PUBLISH', ARGV[6], 'occurrence') -- not every Redis user may publish; beat looks every second anyway
return 1
