-- Write a task, if it still is the one that the writer saw.
-- KEYS: 1 entry (hash)  2 schedule (zset)  3 task ids (set)  4 revisions (list)  5 quarantine (hash)
--       6 history (hash)  7 RedBeat prefix in use (string)  8 pauses (hash)  9 version of the pauses (string)
--       10 tasks that come after it (set)  11 pending audit records (hash)
-- ARGV: 1 task JSON the writer saw, "" if the task must be new  2 task_id  3 task JSON  4 new revision
--       5 RedBeat definition  6 RedBeat meta  7 next due, Unix seconds; "" for never
--       8 revisions to keep  9 channel that wakes beat  10 1 to keep the next due; of an entry in quarantine only if
--       it has passed
--       11 RedBeat prefix of the writer  12 signature of the task JSON, "" if tasks are not signed
--       13 version of the pauses that the writer saw, unless the task must be new  14 identity of the record of this
--       change, "" for none  15 what is pending of it, a JSON list, without the time in front  16 prefix and 17 suffix of
--       the keys of what comes after a task  18 how many tasks it comes after  19 how many names follow of these tasks,
--       and of those that it no longer comes after  20… these, then changed occurrences among the pauses, to be forgotten
-- Reply: 1 written, 0 the entry exists (for a new task) or it, the pauses, or what comes after it, are not what the
--        writer saw: it would close a cycle; nothing changed.
--        A quarantined entry does not count as existing: a new one takes its place.
--        -1 other processes use another prefix
local MOST_PENDING = 10000 -- as in audit/pending/pending_records.py

local prefix = redis.call('GET', KEYS[7])
if prefix and prefix ~= ARGV[11] then
  return -1
end
require_rights(KEYS[1])
-- Of two writers at the same time each may have seen no cycle: the second must look again.
local added = {}
for at = 20, 19 + tonumber(ARGV[18]) do
  added[ARGV[at]] = redis.call('SISMEMBER', ARGV[16] .. ARGV[at] .. ARGV[17], ARGV[2]) == 0 or nil
end
local seen, open = {}, next(added) and {ARGV[2]} or {}
while #open > 0 do
  for _, id in ipairs(redis.call('SMEMBERS', ARGV[16] .. table.remove(open) .. ARGV[17])) do
    if added[id] then
      return 0
    elseif not seen[id] then
      seen[id] = true
      open[#open + 1] = id
    end
  end
end
local is_new = ARGV[1] == ''
local is_quarantined = redis.call('HEXISTS', KEYS[5], KEYS[1]) == 1
if is_new then
  if redis.call('EXISTS', KEYS[1]) == 1 then
    if not is_quarantined then
      return 0
    end
    redis.call('SADD', KEYS[3], ARGV[2]) -- writes that take memory come first, see below
    redis.call('DEL', KEYS[1])
  end
elseif redis.call('HGET', KEYS[1], 'task') ~= ARGV[1] or (redis.call('GET', KEYS[9]) or '') ~= ARGV[13] then
  return 0
end
-- The first write takes memory: a full server refuses this one, and no later one.
redis.call('HSET', KEYS[1], 'task', ARGV[3], 'revision', ARGV[4], 'definition', ARGV[5])
if ARGV[12] ~= '' then
  redis.call('HSET', KEYS[1], 'signature', ARGV[12])
elseif not is_new then
  redis.call('HDEL', KEYS[1], 'signature')
end
if is_new then
  -- Left by ad-hoc runs under this id, or by runs of a removed task.
  redis.call('DEL', KEYS[4], KEYS[6])
end
if not prefix then
  redis.call('SET', KEYS[7], ARGV[11])
end
redis.call('HSETNX', KEYS[1], 'meta', ARGV[6])
if ARGV[10] == '0' or is_quarantined then
  local due = ARGV[7]
  local stored = ARGV[10] == '1' and tonumber(redis.call('HGET', KEYS[1], 'due') or '') or 0
  if stored > 0 and (due == '' or stored < tonumber(due)) then
    due = redis.call('HGET', KEYS[1], 'due') -- what fell due in quarantine is fired or missed
  end
  redis.call('HSET', KEYS[1], 'due', due)
  if due == '' then
    redis.call('ZREM', KEYS[2], KEYS[1])
  else
    redis.call('ZADD', KEYS[2], due, KEYS[1])
  end
end
local last = 19 + tonumber(ARGV[19])
if #ARGV > last then
  redis.call('HDEL', KEYS[8], unpack(ARGV, last + 1))
  redis.call('INCR', KEYS[9])
end
redis.call('SADD', KEYS[3], ARGV[2])
-- The entry of a task that others come after says so: the scripts that end runs read it in any case.
for at = 20, last do
  local others, entry = ARGV[16] .. ARGV[at] .. ARGV[17], ARGV[11] .. ARGV[at]
  if at < 20 + tonumber(ARGV[18]) then
    redis.call('SADD', others, ARGV[2])
    if redis.call('HEXISTS', entry, 'task') == 1 then
      redis.call('HSET', entry, 'downstream', '1')
    end
  elseif redis.call('SREM', others, ARGV[2]) == 1 and redis.call('EXISTS', others) == 0 then
    redis.call('HDEL', entry, 'downstream')
  end
end
if redis.call('EXISTS', KEYS[10]) == 1 then
  redis.call('HSET', KEYS[1], 'downstream', '1')
end
-- A writer that dies now leaves the record to others; an overwritten key must not keep a task from being written.
local pending = ARGV[14] ~= '' and redis.pcall('HLEN', KEYS[11])
if type(pending) == 'number' and pending < MOST_PENDING then
  redis.pcall('HSET', KEYS[11], ARGV[14], '[' .. redis.call('TIME')[1] .. ',' .. string.sub(ARGV[15], 2))
end
redis.call('LPUSH', KEYS[4], ARGV[3])
if not is_new then
  redis.call('LTRIM', KEYS[4], 0, tonumber(ARGV[8]) - 1)
end
if is_quarantined then
  redis.call('HDEL', KEYS[5], KEYS[1])
end
redis.pcall('PUBLISH', ARGV[9], ARGV[2]) -- not every Redis user may publish; beat looks every second anyway
return 1
