-- Which runs of a task are in the way of another. Put in front of the scripts that enter and end runs.
-- A task has three sorted sets: active runs (execution_id -> since when they count, Unix seconds), occurrences
-- that wait for them, and requests that do; the latter two by scheduled time.

-- The longest active run that is due, as {execution_id, state, worded since when}; nil if there is none.
-- Ids of runs that are over, or were overwritten, are removed on the way.
local function blocker_of(active_key, now, run_prefix, active_states, but_for)
  local passed_over = 0
  while true do
    local id = redis.call('ZRANGE', active_key, '-inf', now, 'BYSCORE', 'LIMIT', passed_over, 1)[1]
    if not id then
      return nil
    end
    local found = redis.pcall('HMGET', run_prefix .. id, 'state', 'dispatched_at', 'started_at', 'retry_at',
      'cancel_requested', 'awaits_due')
    local state = not found.err and found[1]
    if not state or not string.find(active_states, ',' .. state .. ',', 1, true) then
      redis.call('ZREM', active_key, id)
    elseif id == but_for or but_for and found[6] then
      passed_over = passed_over + 1
    else
      local words = found[5] and 'ends' or state
      local since = found[3] or found[2]
      if found[4] then
        words, since = 'waits for its retry at', found[4]
      else
        words = words .. ' since'
      end
      return {id, state, words .. ' ' .. since}
    end
  end
end

-- Take the run that has waited longest, if any, and let it count as active; nil while another is in the way.
local function release_next(keys, now, now_iso, run_prefix, active_states)
  if blocker_of(keys[1], now, run_prefix, active_states) then
    return nil
  end
  while true do
    local id, key, since
    for at = 2, 3 do
      local head = redis.call('ZRANGE', keys[at], 0, 0, 'WITHSCORES')
      if head[1] and (not since or tonumber(head[2]) < since) then
        id, key, since = head[1], keys[at], tonumber(head[2])
      end
    end
    if not id then
      return nil
    end
    redis.call('ZREM', key, id)
    local state = redis.pcall('HGET', run_prefix .. id, 'state')
    if type(state) == 'string' and string.find(active_states, ',' .. state .. ',', 1, true) then
      redis.call('ZADD', keys[1], now, id)
      redis.call('HDEL', run_prefix .. id, 'waits_for', 'waits_until')
      redis.call('HSET', run_prefix .. id, 'released_at', now_iso)
      return id
    end
  end
end
