-- Remove a task; its finished runs stay until their retention ends.
-- KEYS: 1 entry (hash)  2 schedule (zset)  3 task ids (set)  4 revisions (list)  5 history (hash)
--       6 quarantine (hash)
-- ARGV: 1 task_id
-- Reply: the removed task JSON, "" if the entry is quarantined and has none, or false if there was
--        no such task
local task = redis.pcall('HGET', KEYS[1], 'task')
if type(task) ~= 'string' then
  if redis.call('HEXISTS', KEYS[6], KEYS[1]) == 0 then
    return false
  end
  task = ''
end
redis.call('DEL', KEYS[1], KEYS[4], KEYS[5])
redis.call('ZREM', KEYS[2], KEYS[1])
redis.call('SREM', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[6], KEYS[1])
return task
