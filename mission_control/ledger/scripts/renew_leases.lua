-- Renew the leases of attempts that a process is running.
-- KEYS: 1 leases (zset)
-- ARGV: 1 seconds of a lease  2 prefix of run keys  3 worker  4 state of a running run
--       5… execution_id, fence; without a fence ("") the worker must be the one that has the run
-- Reply: for each, in order: held, cancel (held, but the handler must stop), or gone (another worker's, or over)
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local lease = tonumber(ARGV[1])
local lease_until = string.format('%.3f', now + lease)
local answers = {}
for at = 5, #ARGV, 2 do
  local key, fence = ARGV[2] .. ARGV[at], ARGV[at + 1]
  local found = redis.call('HMGET', key, 'state', 'fence', 'worker', 'cancel_requested', 'lease_until')
  local is_ours = fence == '' and found[3] == ARGV[3] or fence ~= '' and found[2] == fence
  if found[1] ~= ARGV[4] or not is_ours then
    answers[#answers + 1] = 'gone'
  else
    -- Read often, to notice cancellation soon; written only when a good part of the lease is used up.
    if tonumber(found[5] or '0') - now < lease * 0.8 then
      redis.call('HSET', key, 'lease_until', lease_until)
      redis.call('ZADD', KEYS[1], lease_until, ARGV[at])
    end
    answers[#answers + 1] = found[4] and 'cancel' or 'held'
  end
end
return answers
