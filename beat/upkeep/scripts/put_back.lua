-- Put entries back on a schedule that was lost, but for those in quarantine.
-- KEYS: 1 schedule (zset)  2 tasks (set)  3 quarantine (hash)  4… the entries' hashes
-- ARGV: 1 now, Unix seconds, when an entry is looked at that does not say when it is due  2 what keys begin with
-- Reply: how many were put on the schedule
local count = 0
for at = 4, #KEYS do
  local key, due = KEYS[at], ARGV[1]
  local fields = redis.pcall('HMGET', key, 'task', 'due') -- an error if it is no hash: quarantined when it is due
  if fields[1] then
    due = (fields[2] == '' or tonumber(fields[2] or '')) and fields[2] or due
    redis.call('SADD', KEYS[2], string.sub(key, #ARGV[2] + 1))
  end
  if due ~= '' and redis.call('EXISTS', key) == 1 and redis.call('HEXISTS', KEYS[3], key) == 0 then
    count = count + redis.call('ZADD', KEYS[1], 'NX', due, key)
  end
end
return count
