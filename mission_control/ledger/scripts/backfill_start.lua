-- Enter a backfill with the runs that it has to send, unless another of the same task has a part of its range.
-- KEYS: 1 open backfills (hash)  2 backfill (hash)  3 what it has to send (list)
-- ARGV: 1 id  2 its task and range (JSON: task_id, start, end; Unix seconds)  3 spec  4… what it has to send
-- Reply: the id of the other backfill, or false if this one was entered
local ours = cjson.decode(ARGV[2])
local open = redis.call('HGETALL', KEYS[1])
for at = 1, #open, 2 do
  local is_read, theirs = pcall(cjson.decode, open[at + 1])
  if is_read and theirs.task_id == ours.task_id and theirs.start < ours['end'] and ours.start < theirs['end'] then
    return open[at]
  end
end
require_rights(KEYS[1])
for first = 4, #ARGV, 1000 do
  redis.call('RPUSH', KEYS[3], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
redis.call('HSET', KEYS[2], 'spec', ARGV[3], 'state', 'open')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return false
