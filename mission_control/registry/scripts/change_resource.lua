-- Set or remove a named limit or budget, and have beat send what waits for a limit, in turn, to be judged by the new one.
-- KEYS: 1 named limits, or budgets (hash)  2 parked messages (zset)  3 edits (stream)  4… what waits for the limit (zsets)
-- ARGV: 1 name  2 its definition as the writer saw it, "" for none  3 its new one, "" to remove it
--       4 channel that wakes beat  5 how many of KEYS are runs that are booked, by a rate that holds no more
--       6 prefix of run keys  7 JSON list of the edit
-- Reply: 1 changed; 0 another program has changed it since, and nothing was done
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then
  return 0
end
require_rights(KEYS[1])
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
local place = 0
for at = 4, #KEYS do
  for _, member in ipairs(redis.call('ZRANGE', KEYS[at], 0, -1)) do
    place = place + 1
    local id = string.match(member, ':(.*)$') or ''
    redis.call('ZADD', KEYS[2], 'XX', place, id)
    if ARGV[3] == '' then
      redis.pcall('HDEL', ARGV[6] .. id, 'limited_by', 'limited_until')
    end
  end
  if at <= 3 + tonumber(ARGV[5]) or ARGV[3] == '' then
    redis.call('DEL', KEYS[at])
  end
end
redis.pcall('XADD', KEYS[3], 'MAXLEN', '~', 1000, '*', 'edits', ARGV[7])
redis.pcall('PUBLISH', ARGV[4], 'limit')
return 1
