-- Take or renew the lead, renew the heartbeat, and return when the next thing is due.
-- KEYS: 1 lead (string)  2 heartbeat (string)  3 schedule (zset)  4 parked messages (zset)
--       5 outbox (list)  6 open backfills (hash)  7 outbox of notices (list)  8 open incidents (hash)
--       9 messages of notices (list)  10 ended runs that other tasks come after (zset)
--       11 runs with deadlines (zset)  12 open alarms (hash)  13 overtaken occurrences (list)
--       14 names of processes (zset)
-- ARGV: 1 name of this beat  2 lease, milliseconds  3 life of the heartbeat, seconds
--       4 what else it announces, in a JSON object without its braces  5 its name as a process  6 its clock
-- Reply: {1 if this beat leads else 0, next due instant or "", next release of a parked message or "",
--        1 if this beat has not led since its last turn else 0, 1 if something is in the outbox else 0,
--        1 if a backfill is open else 0, 1 if there are notices else 0,
--        when to look at what comes after an ended run or "", the next deadline of a run or "", 1 if
--        an alarm is open else 0, 1 if changes of tasks have overtaken occurrences else 0};
--        the times are in Unix seconds and only given to the leader
local holder = redis.pcall('GET', KEYS[1])
if type(holder) == 'table' then
  redis.call('DEL', KEYS[1]) -- it has the wrong type: no beat holds the lead
  holder = false
elseif holder then
  -- No beat makes a lease without an end, nor one longer than this beat's. A living holder renews it every second
  -- or so, and a dead one can do no harm: see fire.lua.
  local left = redis.call('PTTL', KEYS[1])
  if left == -1 or left > tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
end
local leads = not holder or holder == ARGV[1]
redis.call('SET', KEYS[2], '{"leading":' .. tostring(leads) .. ',' .. ARGV[4] .. '}', 'EX', ARGV[3])
redis.call('ZADD', KEYS[14], ARGV[6], ARGV[5])
if not leads then
  return {0, '', '', 0, 0, 0, 0, '', '', 0, 0}
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local due = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
local parked = redis.call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')
local outgoing, backfills, notices, alarms, overtaken, upstream, deadlines = 0, 0, 0, 0, 0, {}, {}
if redis.call('EXISTS', unpack(KEYS, 5, 13)) > 0 then -- most often there is none of them
  outgoing, backfills = redis.call('EXISTS', KEYS[5]), redis.call('EXISTS', KEYS[6])
  notices = math.min(redis.call('EXISTS', unpack(KEYS, 7, 9)), 1)
  upstream = redis.pcall('ZRANGE', KEYS[10], 0, 0, 'WITHSCORES')
  alarms, overtaken = redis.call('EXISTS', KEYS[12]), redis.call('EXISTS', KEYS[13])
  deadlines = redis.pcall('ZRANGE', KEYS[11], 0, 0, 'WITHSCORES')
end
return {1, due[2] or '', parked[2] or '', holder and 0 or 1, outgoing, backfills, notices,
  upstream[2] or '', deadlines[2] or '', alarms, overtaken}
