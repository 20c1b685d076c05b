-- Write a task, if it still is the one that the writer saw.
-- KEYS: 1 entry (hash)  2 schedule (zset)  3 task ids (set)  4 revisions (list)  5 quarantine (hash)
--       6 history (hash)
-- ARGV: 1 task JSON the writer saw, "" if the task must be new  2 task_id  3 task JSON  4 new revision
--       5 RedBeat definition  6 RedBeat meta  7 next due, Unix seconds; "" for never, "keep" to leave it
--       8 revisions to keep  9 channel that wakes beat  10 next due if the entry is quarantined, as 7
-- Reply: 1 written, 0 the entry exists (for a new task) or is not what the writer saw; nothing changed.
--        A quarantined entry does not count as existing: a new one takes its place
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
elseif redis.call('HGET', KEYS[1], 'task') ~= ARGV[1] then
  return 0
end
-- The first write takes memory: a full server refuses this one, and no later one.
redis.call('HSET', KEYS[1], 'task', ARGV[3], 'revision', ARGV[4], 'definition', ARGV[5])
if is_new then
  -- Left by ad-hoc runs under this id, or by runs of a removed task.
  redis.call('DEL', KEYS[4], KEYS[6])
end
redis.call('HSETNX', KEYS[1], 'meta', ARGV[6])
local due = ARGV[7]
if due == 'keep' and is_quarantined then
  due = ARGV[10]
end
if due == '' then
  redis.call('ZREM', KEYS[2], KEYS[1])
elseif due ~= 'keep' then
  redis.call('ZADD', KEYS[2], due, KEYS[1])
end
redis.call('SADD', KEYS[3], ARGV[2])
redis.call('LPUSH', KEYS[4], ARGV[3])
redis.call('LTRIM', KEYS[4], 0, tonumber(ARGV[8]) - 1)
redis.call('HDEL', KEYS[5], KEYS[1])
redis.pcall('PUBLISH', ARGV[9], ARGV[2]) -- not every Redis user may publish; beat looks every second anyway
return 1
