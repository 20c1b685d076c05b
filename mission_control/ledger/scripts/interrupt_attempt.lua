-- Take an attempt from its worker, which stops or is lost: the same attempt begins again elsewhere.
-- KEYS: 1 run (hash)  2 leases (zset)  3 pending audit records (hash)
--       4 named limits (hash)  5 parked messages (zset), for a run that has limits
-- ARGV: 1 execution_id  2 fence  3 "1" if the delivery counts: its worker did not stop in good order, perhaps
--       because of the attempt  4 "1" if its lease must have run out  5 state of a running run
--       6 state of an interrupted run  7 now, ISO  8 fields that a record is made of, joined by commas with
--       one before and after  9 identity of the record  10 milliseconds that the attempt has run
--       11 channel that wakes beat
-- Needs limits.lua
-- Reply: {field, value, …} of the run as its record has it, or {} if the worker no longer has it
local found = redis.call('HMGET', KEYS[1], 'state', 'fence', 'lease_until', 'limits_held')
if found[1] ~= ARGV[5] or found[2] ~= ARGV[2] then
  return {}
end
local time = redis.call('TIME')
local is_lapsed = ARGV[4] == '1'
if is_lapsed and tonumber(found[3] or '0') > tonumber(time[1]) + tonumber(time[2]) / 1000000 then
  return {}
end
redis.call('ZSCORE', KEYS[2], ARGV[1]) -- keys of another type fail before the first write
redis.call('HEXISTS', KEYS[3], ARGV[9])

local limit = found[4] and limits()
require_rights(KEYS[1])
redis.call('HSET', KEYS[1], 'duration_ms', ARGV[10])
if not is_lapsed then -- its message is on its way back to the queue
  redis.call('HSET', KEYS[1], 'state', ARGV[6], 'reason', 'its worker stopped', 'resent_at', ARGV[7])
end
local run = redis.call('HGETALL', KEYS[1])
local recorded, pending = {}, {time[1], ARGV[7]}
for at = 1, #run, 2 do
  if string.find(ARGV[8], ',' .. run[at] .. ',', 1, true) then
    recorded[#recorded + 1], recorded[#recorded + 2] = run[at], run[at + 1]
    pending[#pending + 1], pending[#pending + 2] = run[at], run[at + 1]
  end
end
redis.call('HSET', KEYS[3], ARGV[9], cjson.encode(pending))
if is_lapsed then
  redis.call('HSET', KEYS[1], 'state', ARGV[6], 'reason', 'its worker is lost')
elseif ARGV[3] ~= '1' then
  redis.call('HINCRBY', KEYS[1], 'deliveries', -1)
end
redis.call('HDEL', KEYS[1], 'lease_until')
if limit then
  limit.free(KEYS[4], KEYS[1], ARGV[1], found[4], nil, KEYS[5], ARGV[11])
end
redis.call('ZREM', KEYS[2], ARGV[1])
return recorded
