-- Put entries back on a schedule that was lost, each only if it is still as it was read.
-- KEYS: 1 schedule (zset)  2 tasks (set)  3… the entries' hashes
-- ARGV: for each entry: due instant (Unix seconds), revision that was read or "" for an entry that has none,
--       id of the task or ""
-- Reply: how many were put on the schedule
local count = 0
for at = 3, #KEYS do
  local due, revision, task_id = ARGV[(at - 3) * 3 + 1], ARGV[(at - 3) * 3 + 2], ARGV[(at - 3) * 3 + 3]
  local seen = redis.pcall('HGET', KEYS[at], 'revision') -- an error if it is no hash: quarantined when it is due
  local is_as_read = type(seen) == 'table' or (seen or '') == revision or revision == ''
  if redis.call('EXISTS', KEYS[at]) == 1 and is_as_read then
    if due ~= '' then
      count = count + redis.call('ZADD', KEYS[1], 'NX', due, KEYS[at])
    end
    if task_id ~= '' then
      redis.pcall('HSET', KEYS[at], 'due', due)
      redis.call('SADD', KEYS[2], task_id)
    end
  end
end
return count
