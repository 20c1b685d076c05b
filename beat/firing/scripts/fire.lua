-- Commit what was decided about due entries: all of a batch in one step, each entry only if it is still
-- as it was when it was decided about.
-- KEYS: 1 schedule (zset)  2 lead (string)  3 active runs (zset)  4 finished runs (zset)
--       5 parked messages (zset)  6 payloads of parked messages (hash)  7 pending audit records (hash)
--       8 journal (stream)  9 outbox (list)  10 quarantine (hash)  11 pace of catching up (hash)
--       12 version of the pauses (string)  13 high-water marks of what is remembered (hash)
--       14 first active runs of tasks (hash)  15 pauses (hash)  16 outbox of notices (list)  17 open incidents (hash)
--       18 ended runs that other tasks come after (zset)  19 budgets (hash)
--       20 runs with deadlines (zset)
-- ARGV: 1 batch (MessagePack): {token, now, now_iso, meta, ttl, pace, state of a skipped occurrence, pauses, prefix
--         of run keys, states of active runs, what the identity of an unfired one's record begins with, suffixes of
--         the keys of a task's runs, other active runs (zset), waiting occurrences (zset) and history (hash), runs to
--         keep for a task, prefix of the keys of effects, suffix of the keys of what a task's runs spend, state of a
--         success}; `token` is
--         the beat that must lead, "" if none need; `pace` is how many runs a second are caught up, over all tasks;
--         `pauses` is the version of the pauses by which it was decided, "" for none
--       2… one entry each (MessagePack): {key, due, revision or "", next due or "", meta, runs, next due if a run
--         is skipped, "" for no other, its task if it fires runs, else "", changed occurrences or nothing}; of these
--         {name, JSON or "", …}: to be written among the pauses, or removed; `due` is "" for a run that comes after
--         others, which leaves the schedule as it is; `meta` is a RedBeat entry's, "keep" to leave it; no entry at all warms up
--         the script, which writes nothing
--         a run: {state, run key, task's runs key, execution_id, scheduled, spec, reason, queue key,
--                 payload, stagger in seconds if it is caught up, else "", delivery, overlap or cause, notices, budgets,
--                 first deadline}
--         notices: {task id, its `notify` as JSON, states that are reported, joined by commas with one before and after, from
--         how many skips in a row on, event, "" for the state's}; absent or false if the task asks for none
--         budgets: {name, billionths of a dollar, tokens} each, -1 for what is not known; absent or false if the task has none
--         first deadline: Unix seconds, absent if the run has none
--         overlap of a run that is fired: "" if no other run of its task matters, else the verdict if one is active, or
--         {that verdict, verdict if `limit` occurrences wait too, limit, until when it may wait, policy}, as in
--         `OverlapPlan`; of one that is not fired: JSON of its cause
--         delivery: "queue", the payload goes to the queue key; "outbox", the id does; "in_process", neither;
--         "none", it is not fired; "entry" and "entry_outbox", the payload of a RedBeat entry goes to
--         the queue key or to the outbox, and nothing is entered; the run key, if any, marks it as fired,
--         with the message's token in the place of the spec
-- Reply: {a digit an entry, state of a skipped run, "waits" or "exists", execution_id, …}; the digits in order: 1 committed;
--        0 another program has moved or changed it; 2 cannot be committed (a key of the wrong type), nothing of it
--        was written; then what became of runs that were not started. {"!"}: this beat does not lead; {"?"}: the
--        pauses have changed, decide again
-- Needs overlap.lua, trimming.lua and budgets.lua
local batch = cmsgpack.unpack(ARGV[1])
local token, now, now_iso, batch_meta, ttl, pace, skipped, pauses = unpack(batch)
local run_prefix, active_states, identity, runs_suffix, active_suffix, waiting_suffix, history_suffix = unpack(batch, 9)
local keep, effects_prefix, cost_suffix, success = unpack(batch, 16)
local reply = {''}

if token ~= '' and redis.call('GET', KEYS[2]) ~= token then
  return {'!'}
end
if (redis.call('GET', KEYS[12]) or '') ~= pauses then
  return {'?'}
end

-- A script is not rolled back, so whatever could fail is looked at before the first write.
local kinds = {}
local function is_sound(key, kind)
  if key == '' then
    return true -- there is none
  elseif not kinds[key] then
    local answer = redis.pcall('TYPE', key) -- an error where this client may not use the key
    kinds[key] = answer.ok or 'error'
  end
  return kinds[key] == kind or kinds[key] == 'none'
end

local fixed_are_sound = is_sound(KEYS[3], 'zset') and is_sound(KEYS[4], 'zset') and is_sound(KEYS[5], 'zset')
  and is_sound(KEYS[6], 'hash') and is_sound(KEYS[7], 'hash') and is_sound(KEYS[9], 'list')
  and is_sound(KEYS[10], 'hash') and is_sound(KEYS[11], 'hash') and is_sound(KEYS[13], 'hash')
  and is_sound(KEYS[14], 'hash')
if not fixed_are_sound then
  return redis.error_reply('WRONGTYPE a key of beat has the wrong type; see mission_control/store/redis_keys.py')
end

require_rights(KEYS[1])
local function key_of_task(run, suffix)
  return string.sub(run[3], 1, -1 - #runs_suffix) .. suffix
end

-- Whether the budgets of a run can be judged; then `standings` has how they stand.
local time, standings, budget = redis.call('TIME')[1], {}, nil
local function can_be_judged(run)
  budget = budget or budgets()
  return is_sound(key_of_task(run, cost_suffix), 'hash') and pcall(function()
    budget.read_standings(standings, KEYS[19], run[14], tonumber(time))
    for _, use in ipairs(run[14]) do
      budget.read_reserved(standings[use[1]] or {held = {}})
    end
  end)
end

local function can_run(runs, turn)
  if turn and not (is_sound(turn.others, 'zset') and is_sound(turn.waiting, 'zset')) then
    return false
  end
  for _, run in ipairs(runs) do
    if not (is_sound(run[2], 'hash') and is_sound(run[3], 'zset') and is_sound(run[8], 'list')) then
      return false
    end
    if run[14] and not can_be_judged(run) or run[15] and not is_sound(KEYS[20], 'zset') then
      return false
    end
  end
  return true
end

-- Most occurrences are new, and most of their tasks have no active run: that is asked about many at once.
local function in_portions(list, act)
  for first = 1, #list, 4000 do
    act(first, math.min(first + 3999, #list))
  end
end

local first_of = {} -- task -> its first active run, "" if only others are, false if none is
local function look_at(entries)
  local runs, runs_of_tasks, tasks = {}, {}, {}
  for _, entry in ipairs(entries) do
    for _, run in ipairs(entry[6]) do
      runs[#runs + 1] = run[2] ~= '' and run[2] or nil
      runs_of_tasks[#runs_of_tasks + 1] = run[3] ~= '' and run[3] or nil
    end
    tasks[#tasks + 1] = entry[8] ~= '' and entry[8] or nil
  end
  for _, keys in ipairs({runs, runs_of_tasks}) do
    in_portions(keys, function(first, last)
      if redis.pcall('EXISTS', unpack(keys, first, last)) == 0 then
        for at = first, last do
          kinds[keys[at]] = 'none'
        end
      end
    end)
  end
  in_portions(tasks, function(first, last)
    for at, id in ipairs(redis.call('HMGET', KEYS[14], unpack(tasks, first, last))) do
      first_of[tasks[first + at - 1]] = id
    end
  end)
end

-- What goes into one key for many entries is listed, and written with one call.
local lists = {}
local function listed(command, key)
  local list = {command, key}
  lists[#lists + 1] = list
  return list
end

local function write(list)
  if #list > 2 then
    redis.call(unpack(list))
  end
end

local function add(list, value, other)
  local length = #list
  list[length + 1] = value
  list[length + 2] = other -- nil where the command takes single values
  if length > 4000 then
    write(list)
    for at = length + 2, 3, -1 do
      list[at] = nil
    end
  end
end

local active, first_active = listed('ZADD', KEYS[3]), listed('HSET', KEYS[14])
local finished, records = listed('ZADD', KEYS[4]), listed('HSET', KEYS[7])
local parked, outbox, followed = listed('ZADD', KEYS[5]), listed('RPUSH', KEYS[9]), listed('ZADD', KEYS[18])
local deadlines = listed('ZADD', KEYS[20])
local sound, taken_off, moved_on = listed('HDEL', KEYS[10]), listed('ZREM', KEYS[1]), listed('ZADD', KEYS[1])
local queues = {}
local function put(queue, payload)
  queues[queue] = queues[queue] or listed('LPUSH', queue)
  add(queues[queue], payload)
end

-- A second has as many slots as runs may be caught up in it. The pace's hash says how many of each second
-- that is to come are taken, from which second on there are any left, and when each task was last given one.
local function taken_of(second)
  return tonumber(redis.call('HGET', KEYS[11], second) or 0)
end

local function slot(task, stagger)
  local last = stagger > 0 and tonumber(redis.call('HGET', KEYS[11], task) or 0) or 0
  local wanted = math.max(now, last + stagger)
  local free_from = tonumber(redis.call('HGET', KEYS[11], 'free from') or 0)
  local second = math.max(math.floor(wanted), free_from)
  local taken = math.max(taken_of(second), math.ceil((wanted - second) * pace))
  while taken >= pace do
    second = second + 1
    taken = taken_of(second)
  end
  redis.call('HSET', KEYS[11], second, taken + 1)
  if second == math.max(math.floor(now), free_from) and taken + 1 >= pace then
    redis.call('HSET', KEYS[11], 'free from', second + 1)
  end
  local release_at = second + taken / pace
  if stagger > 0 then
    redis.call('HSET', KEYS[11], task, string.format('%.6f', release_at))
  end
  local life = math.ceil(release_at - now + stagger) + 60
  if redis.call('TTL', KEYS[11]) < life then
    redis.call('EXPIRE', KEYS[11], life)
  end
  return release_at
end

local function deliver(run)
  local queue, payload, stagger, delivery = run[8], run[9], run[10], run[11]
  local release_at = stagger ~= '' and slot(run[3], stagger) or now
  if release_at > now then
    add(parked, string.format('%.6f', release_at), run[4])
    redis.call('HSET', KEYS[6], run[4], cmsgpack.pack({queue, payload}))
    redis.call('HSET', run[2], 'not_before', math.min(now, redis.call('TIME')[1]) + release_at - now)
  elseif delivery == 'outbox' then
    add(outbox, run[4])
  elseif delivery == 'queue' then
    put(queue, payload)
  end
end

-- One notice an entry and state, however many occurrences it is about.
local notices = {}
local function tell(run, state, reason, skips)
  local task, notify, states, least, event = unpack(run[13])
  if not string.find(states, ',' .. state .. ',', 1, true) or skips and skips < least then
    return
  end
  event = event ~= '' and event or state
  local name = event .. ' ' .. task
  local count = (notices[name] or {count = 0}).count + (skips == least and least or 1)
  notices[name] = {event = event, task = task, at = now_iso, run = run[4], text = reason, cause = event, count = count,
    notify = notify}
end

local fired, unfired, count_of, unfired_of = 0, 0, {}, {}
local function enter_unfired(run, state, reason, cause)
  local fields = {'spec', run[6], 'state', state, 'attempt', '0', 'dispatched_at', now_iso, 'finished_at', now_iso,
    'reason', reason, 'cause', cause}
  redis.call('HSET', run[2], unpack(fields))
  redis.call('EXPIRE', run[2], ttl)
  add(finished, now, run[4])
  add(records, identity .. run[4], cjson.encode({time, now_iso, unpack(fields)}))
  local history = key_of_task(run, history_suffix)
  redis.pcall('HINCRBY', history, state .. '_count', 1) -- an overwritten counter must not stop the script half-way
  local is_counted = state == skipped and not (run.comes_after and cjson.decode(cause).outcome == success)
  local skips = is_counted and redis.pcall('HINCRBY', history, 'consecutive_skips', 1)
  if run[13] then
    tell(run, state, reason, type(skips) == 'number' and skips)
  end
  unfired, count_of[state] = unfired + 1, (count_of[state] or 0) + 1
  unfired_of[run[3]] = (unfired_of[run[3]] or 0) + 1
  if run.has_downstream then
    add(followed, now, run[4])
  end
end

local function note(what, execution_id)
  reply[#reply + 1] = what
  reply[#reply + 1] = execution_id
end

local function decided(run)
  if not run.turn or run[12] == 'start' then
    return 'start'
  end
  local blocker = blocker_of(run.turn, now, run_prefix, active_states)
  if not blocker then
    return 'start'
  elseif type(run[12]) ~= 'table' then
    return run[12], blocker
  end
  local blocked, full, limit = unpack(run[12])
  return redis.call('ZCARD', run.turn.waiting) >= limit and full or blocked, blocker
end

local function in_the_way(policy, blocker)
  return 'overlap policy ' .. policy .. ': run ' .. blocker[1] .. ' has not ended (' .. blocker[3] .. ')'
end

local function cause_of(blocker)
  return cjson.encode({class = 'overlap', run = blocker[1]})
end

-- A newer occurrence takes the place of one that waits.
local function displace(run, old, blocker)
  local key = run_prefix .. old
  local reason = in_the_way(run[12][5], blocker) .. ', and run ' .. run[4] .. ' took the place of this one'
  redis.call('HSET', key, 'state', skipped, 'finished_at', now_iso, 'reason', reason, 'cause', cause_of(blocker))
  redis.call('HDEL', key, 'waits_for', 'waits_until')
  redis.call('EXPIRE', key, ttl)
  redis.call('ZREM', run.turn.waiting, old)
  redis.call('ZREM', KEYS[3], old)
  add(finished, now, old)
  local fields = redis.call('HGETALL', key)
  add(records, identity .. old, cjson.encode({time, now_iso, unpack(fields)}))
  for at = 1, #fields, 2 do
    if fields[at] == 'budgets_held' then
      pcall(budgets().give_back_reserved, KEYS[19], fields[at + 1], old, false)
    end
  end
  local history = key_of_task(run, history_suffix)
  redis.pcall('HINCRBY', history, skipped .. '_count', 1)
  local skips = redis.pcall('HINCRBY', history, 'consecutive_skips', 1)
  if run[13] then
    tell({[4] = old, [13] = run[13]}, skipped, reason, type(skips) == 'number' and skips)
  end
  unfired, count_of[skipped] = unfired + 1, (count_of[skipped] or 0) + 1
  if run.has_downstream then
    add(followed, now, old)
  end
  note(skipped, old)
end

-- Ask the active runs to end: a running one is stopped, and of one that waits no attempt begins.
local function ask_to_end(run)
  local active = redis.call('ZRANGE', run.turn.others, '-inf', now, 'BYSCORE', 'LIMIT', 0, 100)
  active[#active + 1] = run.turn.first ~= '' and run.turn.first or nil
  for _, id in ipairs(active) do
    redis.call('HSETNX', run_prefix .. id, 'cancel_requested', 'overlap policy replace: run ' .. run[4] .. ' replaces it')
    redis.call('ZREM', KEYS[5], id)
    redis.call('HDEL', KEYS[6], id)
  end
end

local function wait(run, verdict, blocker)
  if verdict ~= 'wait' then
    for _, old in ipairs(redis.call('ZRANGE', run.turn.waiting, 0, -1)) do
      displace(run, old, blocker)
    end
  end
  if verdict == 'replace' then
    ask_to_end(run)
  end
  redis.call('HSET', run[2], 'waits_for', blocker[1], 'waits_until', run[12][4])
  redis.call('ZADD', run.turn.waiting, run[5], run[4])
  note('waits', run[4])
end

local function count_as_active(run, task)
  local turn = run.turn
  if turn and turn.first and turn.first ~= '' then
    add_active(turn, run[4], now, true)
    return
  elseif turn then
    turn.first = run[4]
  end
  add(first_active, task, run[4])
end

-- Enter a run, and return whether it was skipped.
local function enter(run, task)
  if kinds[run[2]] ~= 'none' then
    note('exists', run[4])
    return -- the ledger has this occurrence already: a clock was stepped back, or another beat fired it
  end
  redis.call('ZADD', run[3], run[5], run[4])
  if run[11] == 'none' then
    return enter_unfired(run, run[1], run[7], run[12])
  end
  local verdict, blocker = decided(run)
  if verdict == 'skip' then
    enter_unfired(run, skipped, in_the_way(type(run[12]) == 'table' and run[12][5] or run[12], blocker), cause_of(blocker))
    note(skipped, run[4])
    return true
  end
  local reservations
  if run[14] then
    local one, unit, frees
    reservations, one, unit, frees =
      budget.reservations_of(standings, run[14], key_of_task(run, cost_suffix), run_prefix, active_states)
    if not reservations then
      enter_unfired(run, skipped, budget.why_over(one, unit, frees, tonumber(time), KEYS[16]))
      note(skipped, run[4])
      return true
    end
  end
  redis.call('HSET', run[2], 'spec', run[6], 'state', run[1], 'attempt', '0', 'dispatched_at', now_iso)
  if reservations then
    budget.reserve(reservations, run[2], run[4], tonumber(time), KEYS[16])
  end
  if kinds[run[3]] ~= 'none' then
    redis.call('PERSIST', run[3]) -- it outlives the last of the task's active runs
  end
  add(active, now, run[4])
  if run[15] then
    add(deadlines, run[15], run[4])
  end
  if verdict == 'start' then
    if run[12] ~= '' then
      count_as_active(run, task)
    end
    deliver(run)
    fired = fired + 1
  else
    wait(run, verdict, blocker)
  end
end

-- The turn of a task, where a run of it may meet another.
local function turn_in_batch(runs, task)
  local first = first_of[task]
  return (first or #runs > 1 and task ~= '') and {
    task = task, firsts = KEYS[14], first = first, others = key_of_task(runs[1], active_suffix),
    waiting = key_of_task(runs[1], waiting_suffix)
  }
end

local are_changes_written = false
local function write_changes(changes)
  for at = 1, #changes, 2 do
    if changes[at + 1] == '' then
      redis.call('HDEL', KEYS[15], changes[at])
    else
      redis.call('HSET', KEYS[15], changes[at], changes[at + 1])
    end
  end
  are_changes_written = true
end

local function commit(entry, stored)
  local key, due, revision, next_due, meta, runs, due_if_skipped, task, changes = unpack(entry)
  if due ~= '' and (not stored or tonumber(stored) ~= due) then
    return '0'
  end
  local seen = redis.pcall('HMGET', key, 'revision', 'downstream')
  if seen.err then
    return '2'
  end
  if (seen[1] or '') ~= revision then
    return '0'
  end
  local turn = turn_in_batch(runs, task)
  local are_sound = (not changes or is_sound(KEYS[15], 'hash')) and (not seen[2] or is_sound(KEYS[18], 'zset'))
  if not can_run(runs, turn) or not are_sound then
    return '2'
  end
  local is_skipped = false
  for _, run in ipairs(runs) do
    if seen[2] then -- a field that is not there costs nothing
      run.has_downstream = true
    end
    if due == '' then
      run.comes_after = true
    end
    if run[11] == 'entry' or run[11] == 'entry_outbox' then
      if run[11] == 'entry' then
        put(run[8], run[9])
      else
        add(outbox, run[9])
      end
      if run[2] ~= '' then
        redis.call('HSET', run[2], 'at', now_iso, 'token', run[6])
        redis.call('EXPIRE', run[2], ttl)
      end
      fired = fired + 1
    else
      if turn and run[12] ~= '' then
        run.turn = turn
      end
      is_skipped = enter(run, task) or is_skipped
    end
  end
  if changes then
    write_changes(changes)
  end
  if due == '' then
    return '1'
  end
  if revision == '' then
    add(sound, key) -- RedBeat repairs an entry by saving it again, and knows of no quarantine
  end
  if is_skipped and next_due == '' then
    next_due = due_if_skipped -- no end of a run sets that of a fixed delay
  end
  if next_due == '' then
    add(taken_off, key)
  else
    add(moved_on, next_due, key)
  end
  if revision ~= '' then
    redis.call('HSET', key, 'meta', batch_meta, 'due', next_due)
  elseif meta ~= 'keep' then
    redis.call('HSET', key, 'meta', meta)
  end
  return '1'
end

local entries, members = {}, {}
for at = 2, #ARGV do
  entries[at - 1] = cmsgpack.unpack(ARGV[at])
  members[at - 1] = entries[at - 1][1]
end
look_at(entries)
local verdicts, committed = {}, {}
local scores = #members > 0 and redis.call('ZMSCORE', KEYS[1], unpack(members))
for at, entry in ipairs(entries) do
  -- An entry may have been prepared twice: others that joined it at its instant pushed it on in the order.
  verdicts[at] = committed[entry[1]] and '0' or commit(entry, scores[at])
  committed[entry[1]] = committed[entry[1]] or verdicts[at] == '1'
end
for _, list in ipairs(lists) do
  write(list)
end
for _, notice in pairs(notices) do -- an overwritten key of notices must not keep beat from firing
  redis.pcall('RPUSH', KEYS[16], cjson.encode(notice))
  redis.pcall('HSETNX', KEYS[17], notice.task, '')
end
for runs, count in pairs(unfired_of) do
  trim_runs(runs, KEYS[3], KEYS[4], KEYS[13], keep, math.min(count, 1000) + 20, run_prefix, effects_prefix)
end
if are_changes_written then
  redis.call('INCR', KEYS[12]) -- each beat reads them again before it decides
end
if fired + unfired > 0 then
  -- Nothing but this note can fail: another program may have overwritten the key, or used up its last id.
  redis.pcall('XADD', KEYS[8], 'MAXLEN', '~', 10000, '*', 'event', 'fired', 'at', now_iso, 'beat', token,
    'fired', fired, 'missed', count_of.missed or 0, 'skipped', count_of.skipped or 0)
end
reply[1] = table.concat(verdicts)
return reply
