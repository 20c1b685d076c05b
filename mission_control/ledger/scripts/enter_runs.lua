-- Enter new runs, each once: with an idempotency key once for that key, and of debounced requests one for a window. A
-- run that may not overlap waits while another of its task is active; the message of any other is sent, or parked.
-- KEYS: 1 active runs (zset)  2 first active runs of tasks (hash)  3 parked messages (zset)  4 their payloads (hash)
-- ARGV: 1 what all have in common (MessagePack): {seconds to remember an idempotency key, prefix of run keys, states of
--         active runs, states in which a run keeps its idempotency key (both joined by commas with one before and
--         after), state of a run that waits to begin, channel that wakes beat, prefix of the keys of tasks, their
--         suffixes: runs, other active runs, occurrences that wait for them, requests that do (zsets)}
--       2… a run each (MessagePack): {execution_id, task, entered at, Unix seconds, due at, Unix seconds, "overlaps" if it
--         may overlap, "waits" if not, "" if it is no task's, "1" if no message may begin it before it is due, spec,
--         {other field, value, …}, idempotency key (string) or "", what that key is to say, queue or "" if its message is
--         not sent here, payload, when to release it, Unix seconds, or "" for now, window or "", entry of the task
--         (hash), or "" if it does not matter, SHA-1 digest of the task in it, "" if there must be none}
--         window: {key (hash), "leading" or "trailing", seconds from a call to its end, longest seconds from the first
--         call to its end, run that is to take over, or ""}
-- Reply: for each run {what, text, text}:
--   entered   the run that it waits for, or ""
--   key       what the idempotency key says already
--   exists    there is such a run
--   joined    the run of the open window, which stands for this request, too
--   task      the task is another than that, or not there
--   window    the run of the open window, and its first call; the caller asks again for that run
--   error     why it cannot be entered, of several runs; a single one is an error of the script
-- Nothing is written but for `entered` and `joined`. Needs overlap.lua
local common = cmsgpack.unpack(ARGV[1])
local key_life, run_prefix, active_states, keeping_states, waiting_state, wake_channel = unpack(common)
local task_prefix, runs_suffix, others_suffix, waiting_suffix, requested_suffix = unpack(common, 7)
local WINDOW_MARGIN = 3600 -- producers' clocks differ

require_rights(run_prefix)
local granted = {}
local function require_right_to_send(queue)
  if redis.acl_check_cmd and not granted[queue] and not redis.acl_check_cmd('lpush', queue, '') then
    error({err = "NOPERM this user has no permissions to run the 'lpush' command on the queue"})
  end
  granted[queue] = true
end

-- An error if a key has another type, before the first write.
local known_types = {}
local function require_type(kind, ...)
  for _, key in ipairs({...}) do
    local found = known_types[key] or redis.call('TYPE', key).ok
    if found ~= kind and found ~= 'none' then
      error({err = 'WRONGTYPE Operation against a key holding the wrong kind of value'})
    end
    known_types[key] = found
  end
end

local digests = {}
local function digest_of(entry)
  if not digests[entry] then
    local text = redis.pcall('HGET', entry, 'task')
    digests[entry] = type(text) == 'string' and redis.sha1hex(text) or ''
  end
  return digests[entry]
end

local lasting = {}
local function answers_for_its_key(said)
  local state = redis.pcall('HGET', run_prefix .. string.match(said, '^%S*'), 'state')
  return type(state) ~= 'string' or string.find(keeping_states, ',' .. state .. ',', 1, true)
end

-- The moment from which on a message may begin a run, by the slower one of two clocks, so that none makes it wait long.
local function not_before(now, due)
  return math.min(now, redis.call('TIME')[1]) + due - now
end

local function park(id, queue, payload, release_at)
  redis.call('HSET', KEYS[4], id, cmsgpack.pack({queue, payload}))
  redis.call('ZADD', KEYS[3], release_at, id)
  if redis.call('ZRANGE', KEYS[3], 0, 0)[1] == id then
    redis.pcall('PUBLISH', wake_channel, id) -- for the first of them only; a user without channels may not
  end
end

local function keep_window(key, now, ends, ...)
  redis.call('HSET', key, 'ends', ends, ...)
  redis.call('EXPIRE', key, math.ceil(math.max(ends - now, 0)) + WINDOW_MARGIN)
end

local function waits_to_begin(id)
  local run = redis.call('HMGET', run_prefix .. id, 'state', 'cancel_requested', 'released_at', 'limit_place')
  return run[1] == waiting_state and not (run[2] or run[3] or run[4]) and redis.call('ZSCORE', KEYS[3], id)
end

-- The answer to a request whose window is open; nil if it is not.
local function join(request, window, runs_key, turn)
  local _, task, now, due, overlap, _, spec = unpack(request)
  local queue, payload = unpack(request, 11)
  local key, edge, delay, longest, expected = unpack(window)
  local open = redis.call('HMGET', key, 'run', 'first', 'ends')
  local id, first = open[1], tonumber(open[2] or '')
  if not id or not first or (tonumber(open[3] or '') or 0) <= now then
    return nil
  elseif edge == 'trailing' and not waits_to_begin(id) then
    return nil
  elseif string.sub(id, 1, #task + 1) ~= task .. '@' or (edge == 'trailing' and id ~= expected) then
    return {'window', id, open[2]}
  end
  local run_key = run_prefix .. id
  if edge == 'trailing' then
    redis.call('HSET', run_key, 'spec', spec, 'not_before', not_before(now, due))
    redis.call('ZADD', runs_key, due, id)
    if overlap ~= '' then
      redis.call('ZADD', turn.others, 'XX', due, id)
    end
    if overlap == 'waits' then
      redis.call('HSET', run_key, 'awaits_due', '1')
    else
      redis.call('HDEL', run_key, 'awaits_due')
    end
    park(id, queue, payload, due)
  else
    due = math.min(now + delay, first + longest)
  end
  keep_window(key, now, due)
  if redis.call('EXISTS', run_key) == 1 then
    redis.call('HINCRBY', run_key, 'calls', 1)
  end
  return {'joined', id, ''}
end

local function enter(packed)
  local request = cmsgpack.unpack(packed)
  local id, task, now, due, overlap, is_held, spec, fields, once, said = unpack(request)
  local queue, payload, release_at, window, entry, digest = unpack(request, 11)
  local run_key, prefix = run_prefix .. id, task_prefix .. task
  local runs_key = prefix .. runs_suffix
  if entry ~= '' and digest_of(entry) ~= digest then
    return {'task', '', ''}
  end
  if once ~= '' then
    local first = redis.call('GET', once)
    if first and answers_for_its_key(first) then
      return {'key', first, ''}
    end
  end
  local turn = overlap ~= ''
    and turn_of(task, {KEYS[2], prefix .. others_suffix, prefix .. waiting_suffix, prefix .. requested_suffix})
  require_type('zset', KEYS[1], runs_key)
  if turn then
    require_type('zset', turn.others, turn.requested)
  end
  if release_at ~= '' then
    require_type('zset', KEYS[3])
    require_type('hash', KEYS[4])
  elseif queue ~= '' then
    require_type('list', queue)
    require_right_to_send(queue)
  end
  local joined = window ~= '' and join(request, window, runs_key, turn)
  if joined then
    return joined
  elseif redis.call('EXISTS', run_key) == 1 then
    return {'exists', '', ''}
  end
  local blocker = overlap == 'waits' and due <= now and blocker_of(turn, now, run_prefix, active_states)
  redis.call('HSET', run_key, 'spec', spec, unpack(fields))
  redis.call('ZADD', KEYS[1], now, id)
  redis.call('ZADD', runs_key, due, id)
  if not lasting[runs_key] then
    redis.call('PERSIST', runs_key) -- it must outlive the task's active runs
    lasting[runs_key] = true
  end
  if blocker then
    redis.call('HSET', run_key, 'waits_for', blocker[1])
    redis.call('ZADD', turn.requested, due, id)
  elseif turn then
    add_active(turn, id, math.max(now, due), due <= now)
    if overlap == 'waits' and due > now then
      redis.call('HSET', run_key, 'awaits_due', '1') -- whether another is in the way shows when it is due
    end
  end
  if is_held == '1' and due > now then
    redis.call('HSET', run_key, 'not_before', not_before(now, due))
  end
  if once ~= '' then
    redis.call('SET', once, said, 'EX', key_life)
  end
  if window ~= '' then
    redis.call('HSET', run_key, 'calls', 1)
    keep_window(window[1], now, window[2] == 'trailing' and due or now + math.min(window[3], window[4]), 'run', id,
      'first', now)
  end
  if release_at ~= '' then
    park(id, queue, payload, release_at)
  elseif queue ~= '' and not blocker then
    redis.call('LPUSH', queue, payload)
  end
  return {'entered', blocker and blocker[1] or '', ''}
end

if #ARGV == 2 then
  return {enter(ARGV[2])}
end
local reply = {}
for at = 2, #ARGV do
  local is_done, answer = pcall(enter, ARGV[at])
  reply[#reply + 1] = is_done and answer or {'error', type(answer) == 'table' and answer.err or tostring(answer), ''}
end
return reply
