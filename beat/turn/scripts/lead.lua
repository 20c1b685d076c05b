-- Take or renew the lead, give a sign of life, and say when the next thing is due.
-- KEYS: 1 lead (string)  2 sign of life (string)  3 schedule (zset)  4 parked messages (zset)
--       5 outbox (list)  6 owed records (list)  7… any number that are to have a certain type
-- ARGV: 1 name of this beat  2 lease, milliseconds  3 life of the sign, seconds  4… those types
-- Reply: {1 if this beat leads else 0, next due instant or "", next release of a parked message or "",
--        1 if this beat has not led since its last turn else 0, 1 if something is in the outbox else 0,
--        1 if records are owed else 0, 1 if a key has another type than it is to have else 0}; the instants are
--        in Unix seconds and only given to the leader
local holder = redis.pcall('GET', KEYS[1])
if type(holder) == 'table' then
  redis.call('DEL', KEYS[1]) -- it has the wrong type: nobody holds the lead
  holder = false
elseif holder then
  -- A lease without an end is no beat's; a longer one than this beat's own may be nobody's, too. Its holder
  -- renews it every second or so if it lives, and cannot do harm if it does not: see fire.lua.
  local left = redis.call('PTTL', KEYS[1])
  if left == -1 or left > tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
end
local leads = not holder or holder == ARGV[1]
redis.call('SET', KEYS[2], leads and '{"leading":true}' or '{"leading":false}', 'EX', ARGV[3])
if not leads then
  return {0, '', '', 0, 0, 0, 0}
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local due = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
local parked = redis.call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')
local has_wrong_types = 0
for at = 7, #KEYS do
  local kind = redis.call('TYPE', KEYS[at]).ok
  if kind ~= 'none' and kind ~= ARGV[at - 3] then
    has_wrong_types = 1
  end
end
return {1, due[2] or '', parked[2] or '', holder and 0 or 1, redis.call('EXISTS', KEYS[5]),
  redis.call('EXISTS', KEYS[6]), has_wrong_types}
