-- Commit what was decided about due entries: all of a batch in one step, each entry only if it is still
-- as it was when it was decided about.
-- KEYS: 1 schedule (zset)  2 lead (string)  3 active runs (zset)  4 finished runs (zset)
--       5 parked messages (zset)  6 payloads of parked messages (hash)  7 owed audit records (list)
--       8 journal (stream)  9 outbox (list)
-- ARGV: 1 batch (MessagePack): {token, now, now_iso, meta, ttl, rows}; `token` is the beat that must
--         lead, "" if nobody need; `rows` are the fields that runs of a kind share
--       2… one entry each (MessagePack): {key, due, revision or "", next due or "", meta or "", runs}
--         a run of ours: {kind, run key, task's runs key, execution_id, scheduled, fields, queue key,
--                         payload, release at or ""}; an occurrence that is not run has no payload,
--                         one that is not queued here no queue and "outbox" or "in process" for payload
--         a RedBeat entry's message: {0, "", "", execution_id, 0, {}, queue key, payload, ""}
-- Reply: a digit an entry, in order: 1 committed; 0 somebody else has moved or changed it; 2 cannot be
--        committed (a key of the wrong type), nothing of it was written. "!" alone: this beat does not lead
local batch = cmsgpack.unpack(ARGV[1])
local token, now, now_iso, batch_meta, ttl, rows = unpack(batch)

if token ~= '' and redis.call('GET', KEYS[2]) ~= token then
  return '!'
end

-- A script is not rolled back, so whatever could fail is looked at before the first write.
local sound = {}
local function is_sound(key, kind)
  if sound[key] == nil then
    local found = redis.call('TYPE', key).ok
    sound[key] = found == kind or found == 'none'
  end
  return sound[key]
end

local fixed_are_sound = is_sound(KEYS[3], 'zset') and is_sound(KEYS[4], 'zset') and is_sound(KEYS[5], 'zset')
  and is_sound(KEYS[6], 'hash') and is_sound(KEYS[7], 'list') and is_sound(KEYS[8], 'stream')
  and is_sound(KEYS[9], 'list')
if not fixed_are_sound then
  return redis.error_reply('WRONGTYPE a key of beat has the wrong type; see mission_control/redis_keys.py')
end

local function can_run(runs)
  for _, run in ipairs(runs) do
    if run[3] ~= '' and not is_sound(run[3], 'zset') then
      return false
    end
    if run[7] ~= '' and not is_sound(run[7], 'list') then
      return false
    end
  end
  return true
end

local function deliver(run)
  local queue, payload, release_at = run[7], run[8], run[9]
  if release_at ~= '' then
    redis.call('ZADD', KEYS[5], release_at, run[4])
    redis.call('HSET', KEYS[6], run[4], cmsgpack.pack({queue, payload}))
  elseif payload == 'outbox' then
    redis.call('RPUSH', KEYS[9], run[4])
  elseif queue ~= '' then
    redis.call('LPUSH', queue, payload)
  end
end

local fired, missed = 0, 0
local function enter(run)
  if redis.call('EXISTS', run[2]) == 1 then
    return -- the ledger has this occurrence already: a clock was stepped back, or somebody else fired it
  end
  redis.call('HSET', run[2], 'dispatched_at', now_iso, unpack(rows[run[1]]))
  redis.call('HSET', run[2], unpack(run[6]))
  redis.call('ZADD', run[3], run[5], run[4])
  if run[8] ~= '' then
    redis.call('ZADD', KEYS[3], now, run[4])
    deliver(run)
    fired = fired + 1
  else
    redis.call('HSET', run[2], 'finished_at', now_iso)
    redis.call('EXPIRE', run[2], ttl)
    redis.call('ZADD', KEYS[4], now, run[4])
    redis.call('RPUSH', KEYS[7], run[4])
    missed = missed + 1
  end
end

local function commit(entry)
  local key, due, revision, next_due, meta, runs = unpack(entry)
  local stored = redis.call('ZSCORE', KEYS[1], key)
  if not stored or tonumber(stored) ~= tonumber(due) then
    return '0'
  end
  local seen = redis.pcall('HGET', key, 'revision')
  if type(seen) == 'table' then
    return '2'
  end
  if (seen or '') ~= revision then
    return '0'
  end
  if not can_run(runs) then
    return '2'
  end
  for _, run in ipairs(runs) do
    if run[1] == 0 then
      redis.call('LPUSH', run[7], run[8])
      fired = fired + 1
    else
      enter(run)
    end
  end
  if next_due == '' then
    redis.call('ZREM', KEYS[1], key)
  else
    redis.call('ZADD', KEYS[1], next_due, key)
  end
  redis.call('HSET', key, 'meta', meta ~= '' and meta or batch_meta)
  return '1'
end

local verdicts = {}
for at = 2, #ARGV do
  verdicts[at - 1] = commit(cmsgpack.unpack(ARGV[at]))
end
if fired + missed > 0 then
  redis.call('XADD', KEYS[8], 'MAXLEN', '~', 10000, '*', 'event', 'fired', 'at', now_iso, 'beat', token,
    'fired', fired, 'missed', missed)
end
return table.concat(verdicts)
