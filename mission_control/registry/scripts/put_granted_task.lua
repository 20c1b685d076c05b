-- Write a task of the holder of a grant: its quota is checked, and an approval used up, in the same step.
-- It calls `put_tasks`, the script of that name.
-- KEYS: those of `put_tasks`, then  the holder's tasks (zset)  what waits for an approval (hash)
-- ARGV: those of `put_tasks` for one task, then  the owner, as the JSON of the holder's tasks has it  most tasks
--       when this one expires, Unix seconds  what was approved, "" for nothing
-- Reply: that of `put_tasks`; an error that begins with GRANT if the holder may not, and nothing was changed
local approved, expires, most, owner = table.remove(ARGV), table.remove(ARGV), table.remove(ARGV), table.remove(ARGV)
local asked, tasks = table.remove(KEYS), table.remove(KEYS)
local prefix, task_id = cmsgpack.unpack(ARGV[1])[1], cmsgpack.unpack(ARGV[2])[1]
local now = tonumber(redis.call('TIME')[1])

local function is_own(id)
  local text = redis.pcall('HGET', prefix .. id, 'task')
  return type(text) == 'string' and string.find(text, owner, 1, true) ~= nil
end

require_rights(tasks)
if redis.call('EXISTS', prefix .. task_id) == 1 and not is_own(task_id) then
  return redis.error_reply('GRANT the id is taken')
end
if approved ~= '' and redis.call('HGET', asked, task_id) ~= approved then
  return redis.error_reply('GRANT the request for an approval has been answered or changed')
end
local others = 0
for _, id in ipairs(redis.call('ZRANGE', tasks, 0, -1)) do
  if not is_own(id) then
    redis.call('ZREM', tasks, id)
  elseif id ~= task_id and tonumber(redis.call('ZSCORE', tasks, id)) > now then
    others = others + 1
  end
end
if others >= tonumber(most) then
  return redis.error_reply('GRANT the quota of ' .. most .. ' tasks is used up')
end
local answers = put_tasks()
if answers[1] == 1 then
  redis.call('ZADD', tasks, expires, task_id)
  if approved ~= '' then
    redis.call('HDEL', asked, task_id)
  end
end
return answers
