-- Change which pauses are in force. Beat learns of it at its next commit, which compares the number of changes.
-- KEYS: 1 pauses (hash)  2 number of changes (string)  3 outbox of notices (list)  4 edits (stream)
-- ARGV: 1 what the caller saw as the number of changes, "" for none  2 channel that wakes beat
--       3 how many fields to write  4 JSON list of notices, or ""  5 that of the edits
--       6… field, JSON, … to write, then fields to remove
-- Reply: 1 changed; 0 another program has changed them since, and nothing was done
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] then
  return 0
end
require_rights(KEYS[1])
local last = 5 + 2 * tonumber(ARGV[3])
for at = 6, last, 2 do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
end
for at = last + 1, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[at])
end
redis.call('INCR', KEYS[2])
for _, notice in ipairs(ARGV[4] ~= '' and cjson.decode(ARGV[4]) or {}) do
  redis.pcall('RPUSH', KEYS[3], notice)
end
if ARGV[5] ~= '[]' then
  redis.pcall('XADD', KEYS[4], 'MAXLEN', '~', 1000, '*', 'edits', ARGV[5])
end
redis.pcall('PUBLISH', ARGV[2], 'pause') -- not every Redis user may publish; beat looks every second anyway
return 1
