-- Look at some tasks, and return those whose entry a program has disabled, enabled or deleted in RedBeat's way,
-- which does not write the task. One that was put off, or taken off the schedule, is put back on it.
-- KEYS: 1 task ids (set)  2 schedule (zset)  3 quarantine (hash)
-- ARGV: 1 cursor  2 about how many  3 what the keys of entries begin with  4 "1" if RedBeat may enable a task;
--       if not, the entry of one that it has enabled is put right
-- Reply: {next cursor, task id, "disabled", "enabled", "deleted" or "put off", …}
local function found(task, definition)
  if not string.find(definition .. task, '"enabled"%s*:%s*false') then
    return nil -- nearly always: nothing needs decoding
  end
  local is_read, both = pcall(cjson.decode, '[' .. task .. ',' .. definition .. ']')
  if is_read and type(both[1]) == 'table' and type(both[2]) == 'table' then
    local ours, theirs = both[1].enabled, both[2].enabled
    if type(ours) == 'boolean' and type(theirs) == 'boolean' and ours ~= theirs then
      return theirs and 'enabled' or 'disabled'
    end
  end
end

local page = redis.call('SSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local reply = {page[1]}
for _, task_id in ipairs(page[2]) do
  local key = ARGV[3] .. task_id
  local fields = redis.pcall('HMGET', key, 'task', 'definition', 'due')
  local due, stored = tonumber(fields[3] or ''), redis.call('ZSCORE', KEYS[2], key)
  local what
  if redis.call('HEXISTS', KEYS[3], key) == 1 then
    what = nil -- its task or its definition cannot be read
  elseif fields[1] and fields[2] then
    what = found(fields[1], fields[2])
    if what == 'enabled' and ARGV[4] ~= '1' then
      redis.call('HSET', key, 'definition', (string.gsub(fields[2], '("enabled"%s*:%s*)true', '%1false')))
      what = nil
    end
    if not what and due and (not stored or tonumber(stored) > due) then
      redis.call('ZADD', KEYS[2], fields[3], key)
      what = 'put off'
    end
  elseif redis.call('EXISTS', key) == 0 and not stored then
    what = 'deleted'
  end
  if what then
    reply[#reply + 1] = task_id
    reply[#reply + 1] = what
  end
end
return reply
