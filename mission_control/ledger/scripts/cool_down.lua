-- Let no run begin by a limit for a while; only for the worker that runs the attempt.
-- KEYS: 1 run (hash)  2 named limits (hash)
-- ARGV: 1 name of the limit  2 for how many seconds  3 fence of the attempt  4 state of a running run
-- Needs limits.lua
-- Reply: 1 if it is so, 0 if this attempt no longer has the run, or the limit was removed
local found = redis.call('HMGET', KEYS[1], 'state', 'fence', 'spec')
if found[1] ~= ARGV[4] or found[2] ~= ARGV[3] then
  return 0
end
local limit = limits()
local now = limit.server_now()
for _, bucket in ipairs(limit.buckets_of(KEYS[2], cjson.decode(found[3]))) do
  if bucket.name == ARGV[1] then
    local arrival = tonumber(redis.call('GET', bucket.rate) or 0)
    arrival = limit.arrival_after_cooldown(arrival, now + tonumber(ARGV[2]), bucket.interval, bucket.burst)
    local life = math.ceil((arrival - now) * 1000) + 1000
    redis.call('SET', bucket.rate, limit.exact(arrival), 'PX', life)
    redis.call('SET', bucket.cooled, 1, 'PX', life)
    return 1
  end
end
return 0
