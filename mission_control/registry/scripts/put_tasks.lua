-- Write tasks, each if it still is the one that the writer saw.
-- KEYS: 1 schedule (zset)  2 task ids (set)  3 quarantine (hash)  4 RedBeat prefix in use (string)  5 pauses (hash)
--       6 version of the pauses (string)  7 pending audit records (hash)  8 overtaken occurrences (list)
--       9 edits (stream)
-- ARGV: 1 what all have in common (MessagePack): {RedBeat prefix of the writer, RedBeat meta, revisions to keep, channel
--         that wakes beat, prefix and suffix of the keys of revisions (lists), of histories (hashes), and of what comes
--         after a task (sets)}
--       2… a task each (MessagePack): {task_id, task JSON the writer saw, "" if the task must be new, task JSON, its
--         signature, "" if tasks are not signed, new revision, RedBeat definition, next due, Unix seconds, "" for never,
--         whether to keep the next due (of an entry in quarantine only if it has passed), version of the pauses that
--         the writer saw, unless the task must be new, identity of the record of this change, "" for none, what is
--         pending of it, a JSON list, without the time in front, JSON of the edit, "" for none, {tasks it comes after}, {those it no longer comes
--         after}, {changed occurrences among the pauses that are over, each with what stays of it, "" for nothing}, up to
--         when what has not been fired is overtaken by this change, Unix seconds, "" for never, {JSON of the changed
--         occurrences}}
-- Reply: for each task 1 written, 0 the entry exists (for a new task) or it, the pauses, or what comes after it, are not
--        what the writer saw: it would close a cycle; nothing changed; or an error.
--        A quarantined entry does not count as existing: a new one takes its place.
--        -1 for the first if other processes use another prefix; nothing changed
local MOST_PENDING = 10000 -- as in audit/pending/pending_records.py

local common = cmsgpack.unpack(ARGV[1])
local prefix, meta, most_revisions, wake_channel = unpack(common)
local revisions_prefix, revisions_suffix, history_prefix, history_suffix, after_prefix, after_suffix = unpack(common, 5)
local used_prefix = redis.call('GET', KEYS[4])
if used_prefix and used_prefix ~= prefix then
  return {-1}
end
local now = redis.call('TIME')[1]
local pauses_version = redis.call('GET', KEYS[6]) or ''
-- Another program may have overwritten it; that must not keep a task from being written.
local pending_count = redis.pcall('HLEN', KEYS[7])
pending_count = type(pending_count) == 'number' and pending_count or MOST_PENDING

local function after(id)
  return after_prefix .. id .. after_suffix
end

-- Of two writers at the same time each may have seen no cycle: the second must look again.
local function closes_cycle(id, upstream)
  local added = {}
  for _, one in ipairs(upstream) do
    added[one] = redis.call('SISMEMBER', after(one), id) == 0 or nil
  end
  local seen, open = {}, next(added) and {id} or {}
  while #open > 0 do
    for _, one in ipairs(redis.call('SMEMBERS', after(table.remove(open)))) do
      if added[one] then
        return true
      elseif not seen[one] then
        seen[one] = true
        open[#open + 1] = one
      end
    end
  end
  return false
end

-- The entry of a task that others come after says so: the scripts that end runs read it in any case.
local function note_upstream(id, upstream, former)
  for _, one in ipairs(upstream) do
    redis.call('SADD', after(one), id)
    if redis.call('HEXISTS', prefix .. one, 'task') == 1 then
      redis.call('HSET', prefix .. one, 'downstream', '1')
    end
  end
  for _, one in ipairs(former) do
    if redis.call('SREM', after(one), id) == 1 and redis.call('EXISTS', after(one)) == 0 then
      redis.call('HDEL', prefix .. one, 'downstream')
    end
  end
end

local edits = {}

local function put(packed)
  local id, seen_text, text, signature, revision, definition, due, keeps_due, seen_version, record, pending, edit,
    upstream, former, over, overtaken_until, changed = unpack(cmsgpack.unpack(packed))
  local entry, revisions, is_new = prefix .. id, revisions_prefix .. id .. revisions_suffix, seen_text == ''
  require_rights(entry)
  if closes_cycle(id, upstream) then
    return 0
  end
  local is_quarantined = redis.call('HEXISTS', KEYS[3], entry) == 1
  if is_new then
    if redis.call('EXISTS', entry) == 1 then
      if not is_quarantined then
        return 0
      end
      redis.call('SADD', KEYS[2], id) -- writes that take memory come first, see below
      redis.call('DEL', entry)
    end
  elseif redis.call('HGET', entry, 'task') ~= seen_text or pauses_version ~= seen_version then
    return 0
  end
  if not keeps_due or is_quarantined then
    local stored = keeps_due and tonumber(redis.call('HGET', entry, 'due') or '') or 0
    if stored > 0 and (due == '' or stored < tonumber(due)) then
      due = redis.call('HGET', entry, 'due') -- what fell due in quarantine is fired or missed
    end
  else
    due = nil
  end
  local overdue = overtaken_until ~= '' and redis.call('HGET', entry, 'due') or ''
  -- The first write takes memory: a full server refuses this one, and no later one.
  redis.call('HSET', entry, 'task', text, 'revision', revision, 'definition', definition)
  local is_overdue = (tonumber(overdue) or math.huge) <= (tonumber(overtaken_until) or 0)
  if is_overdue or #over > 0 then -- beat records what was missed
    redis.pcall('RPUSH', KEYS[8], cjson.encode({entry, seen_text, is_overdue and overdue or '', overtaken_until,
      unpack(changed)}))
  end
  if signature ~= '' then
    redis.call('HSET', entry, 'signature', signature)
  elseif not is_new then
    redis.call('HDEL', entry, 'signature')
  end
  if is_new then
    -- Left by ad-hoc runs under this id, or by runs of a removed task.
    redis.call('DEL', revisions, history_prefix .. id .. history_suffix)
  end
  if not used_prefix then
    redis.call('SET', KEYS[4], prefix)
    used_prefix = prefix
  end
  redis.call('HSETNX', entry, 'meta', meta)
  if due then
    redis.call('HSET', entry, 'due', due)
    if due == '' then
      redis.call('ZREM', KEYS[1], entry)
    else
      redis.call('ZADD', KEYS[1], due, entry)
    end
  end
  for at = 1, #over, 2 do
    if over[at + 1] == '' then
      redis.call('HDEL', KEYS[5], over[at])
    else
      redis.call('HSET', KEYS[5], over[at], over[at + 1])
    end
  end
  if #over > 0 then
    redis.call('INCR', KEYS[6])
  end
  redis.call('SADD', KEYS[2], id)
  note_upstream(id, upstream, former)
  if redis.call('EXISTS', after(id)) == 1 then
    redis.call('HSET', entry, 'downstream', '1')
  end
  -- A writer that dies now leaves the record to others.
  if record ~= '' and pending_count < MOST_PENDING then
    redis.pcall('HSET', KEYS[7], record, '[' .. now .. ',' .. string.sub(pending, 2))
    pending_count = pending_count + 1
  end
  redis.call('LPUSH', revisions, text)
  if not is_new then
    redis.call('LTRIM', revisions, 0, most_revisions - 1)
  end
  if is_quarantined then
    redis.call('HDEL', KEYS[3], entry)
  end
  edits[#edits + 1] = edit ~= '' and edit or nil
  return 1
end

local answers, is_any_written = {}, false
for at = 2, #ARGV do
  local is_done, answer = pcall(put, ARGV[at])
  answers[at - 1] = is_done and answer or {err = type(answer) == 'table' and answer.err or tostring(answer)}
  is_any_written = is_any_written or answer == 1
end
if #edits > 0 then
  redis.pcall('XADD', KEYS[9], 'MAXLEN', '~', 1000, '*', 'edits', '[' .. table.concat(edits, ',') .. ']')
end
if is_any_written then
  redis.pcall('PUBLISH', wake_channel, 'task') -- not every Redis user may publish; beat looks every second anyway
end
return answers
