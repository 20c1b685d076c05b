-- Which runs of a task are in the way of another. Put in front of the scripts that enter and end runs.
-- The turn of a task: {task, firsts, others, waiting, requested, first}. Its active runs are `first`, which is what a
-- hash for all tasks says (`firsts`: task -> execution_id; "" if only others are active, nothing if none is), and
-- those in a sorted set of its own, `others`, where runs that are not due yet are as well (execution_id -> since when
-- they count, Unix seconds): most tasks have no others. Occurrences that wait for active runs are in the sorted set
-- `waiting`, requests that do in `requested`, both by scheduled time.

local function turn_of(task, keys)
  local turn = {task = task, firsts = keys[1], others = keys[2], waiting = keys[3], requested = keys[4]}
  turn.first = redis.call('HGET', turn.firsts, task)
  return turn
end

local function set_first(turn, id)
  redis.call('HSET', turn.firsts, turn.task, id)
  turn.first = id
end

-- Count a run as active; while it is not due it is in no other's way.
local function add_active(turn, id, since, is_due)
  if is_due and (not turn.first or turn.first == '') then
    set_first(turn, id)
    return
  elseif not turn.first then
    set_first(turn, '')
  end
  redis.call('ZADD', turn.others, since, id)
end

-- Count a run as active no longer. `count` is how many the sorted set of others has.
local function remove_active(turn, id, count)
  if count > 0 and turn.first ~= id then
    count = count - redis.call('ZREM', turn.others, id)
  end
  if count == 0 and (turn.first == id or turn.first == '') then
    redis.call('HDEL', turn.firsts, turn.task)
    turn.first = nil
  elseif turn.first == id then
    set_first(turn, '')
  end
end

-- An active run as {execution_id, state, worded since when}, and whether it waits to be due; nil if it is over.
local function standing(id, run_prefix, active_states)
  local found = redis.pcall('HMGET', run_prefix .. id, 'state', 'dispatched_at', 'started_at', 'retry_at',
    'cancel_requested', 'awaits_due')
  local state = not found.err and found[1]
  if not state or not string.find(active_states, ',' .. state .. ',', 1, true) then
    return nil
  end
  local words, since = (found[5] and 'ends' or state) .. ' since', found[3] or found[2]
  if found[4] then
    words, since = 'waits for its retry at', found[4]
  end
  return {id, state, words .. ' ' .. since}, found[6]
end

-- An active run that is due, the first or the longest of the others; nil if there is none.
-- Ids of runs that are over, or were overwritten, are removed on the way.
local function blocker_of(turn, now, run_prefix, active_states, but_for)
  if turn.first and turn.first ~= '' and turn.first ~= but_for then
    local run = standing(turn.first, run_prefix, active_states)
    if run then
      return run
    end
    set_first(turn, '')
  end
  local passed_over = 0
  while turn.first do
    local id = redis.call('ZRANGE', turn.others, '-inf', now, 'BYSCORE', 'LIMIT', passed_over, 1)[1]
    if not id then
      return nil
    end
    local run, awaits_due = standing(id, run_prefix, active_states)
    if not run then
      redis.call('ZREM', turn.others, id)
    elseif id == but_for or but_for and awaits_due then
      passed_over = passed_over + 1
    else
      return run
    end
  end
end

-- Take the run that has waited longest, if any, and let it count as active; nil while another is in the way.
local function release_next(turn, now, now_iso, run_prefix, active_states)
  if blocker_of(turn, now, run_prefix, active_states) then
    return nil
  end
  while true do
    local id, key, since
    for _, from in ipairs({turn.waiting, turn.requested}) do
      local head = redis.call('ZRANGE', from, 0, 0, 'WITHSCORES')
      if head[1] and (not since or tonumber(head[2]) < since) then
        id, key, since = head[1], from, tonumber(head[2])
      end
    end
    if not id then
      return nil
    end
    redis.call('ZREM', key, id)
    local state = redis.pcall('HGET', run_prefix .. id, 'state')
    if type(state) == 'string' and string.find(active_states, ',' .. state .. ',', 1, true) then
      add_active(turn, id, now, true)
      redis.call('HDEL', run_prefix .. id, 'waits_for', 'waits_until')
      redis.call('HSET', run_prefix .. id, 'released_at', now_iso)
      return id
    end
  end
end
