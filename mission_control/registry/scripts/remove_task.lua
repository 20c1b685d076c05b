-- Remove a task; its finished runs stay until their retention ends. No other begins another attempt.
-- KEYS: 1 entry (hash)  2 schedule (zset)  3 task ids (set)  4 revisions (list)  5 history (hash)
--       6 quarantine (hash)  7 pauses (hash)  8 version of the pauses (string)
--       9 files that tasks were applied from (hash)  10 overtaken occurrences (list); what comes after it stays
--       11 runs of the task (zset)  12 active runs (zset)  13 edits (stream)
-- ARGV: 1 task_id  2 "1" to remove only what is left of a task whose entry another program has deleted
--       3 when, in Unix seconds: what was due by then and was not fired is missed because of the removal
--       4 prefix of entries  5 prefix and 6 suffix of the keys of what comes after a task
--       7 prefix of the keys that say why a run must not begin  8 what they say  9 seconds for which they do
--       10 JSON list of the edit  11… its circuit breaker and its changed occurrences among the pauses
-- Reply: {the removed task JSON, "" if there is none (the entry is quarantined), its active runs…}, or false if
--        there was no such task
local task = redis.pcall('HGET', KEYS[1], 'task')
local is_deleted = redis.call('EXISTS', KEYS[1]) == 0 and redis.call('SISMEMBER', KEYS[3], ARGV[1]) == 1
if ARGV[2] == '1' and not is_deleted then
  return false
end
if is_deleted then
  task = redis.call('LINDEX', KEYS[4], 0)
end
if type(task) ~= 'string' then
  if not is_deleted and redis.call('HEXISTS', KEYS[6], KEYS[1]) == 0 then
    return false
  end
  task = ''
end
local active = redis.call('ZINTER', 2, KEYS[11], KEYS[12])
require_rights(KEYS[1])
local due = redis.pcall('HGET', KEYS[1], 'due')
local is_overdue = type(due) == 'string' and (tonumber(due) or math.huge) <= tonumber(ARGV[3])
redis.call('DEL', KEYS[1], KEYS[4], KEYS[5]) -- first, so that a full server lets the rest be written
for _, id in ipairs(active) do
  redis.call('SET', ARGV[7] .. id, ARGV[8], 'EX', ARGV[9])
end
redis.call('ZREM', KEYS[2], KEYS[1])
redis.call('SREM', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[6], KEYS[1])
redis.pcall('HDEL', KEYS[9], ARGV[1])
local note = {KEYS[1], task, is_overdue and due or '', ARGV[3]}
for at = 12, #ARGV do
  local changed = redis.pcall('HGET', KEYS[7], ARGV[at])
  note[#note + 1] = type(changed) == 'string' and changed or nil
end
if task ~= '' and (is_overdue or #note > 4) then -- beat records what was missed
  redis.pcall('RPUSH', KEYS[10], cjson.encode(note))
end
local is_read, definition = pcall(cjson.decode, task)
for _, one in ipairs(is_read and type(definition) == 'table' and definition.after or {}) do
  local others = ARGV[5] .. one.task .. ARGV[6]
  if redis.call('SREM', others, ARGV[1]) == 1 and redis.call('EXISTS', others) == 0 then
    redis.call('HDEL', ARGV[4] .. one.task, 'downstream')
  end
end
local forgotten = redis.pcall('HDEL', KEYS[7], unpack(ARGV, 11))
if type(forgotten) == 'number' and forgotten > 0 then
  redis.call('INCR', KEYS[8])
end
redis.pcall('XADD', KEYS[13], 'MAXLEN', '~', 1000, '*', 'edits', ARGV[10])
table.insert(active, 1, task)
return active
