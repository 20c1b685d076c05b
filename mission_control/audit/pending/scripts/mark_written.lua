-- Take records that were written off the pending ones, and note at the runs that they end who wrote them.
-- KEYS: 1 pending audit records (hash)
-- ARGV: 1 writer  2… identity of a record, key of the run that it ends or ""
-- Reply: how many records were pending
local identities = {}
for at = 2, #ARGV, 2 do
  local key = ARGV[at + 1]
  identities[#identities + 1] = ARGV[at]
  if key ~= '' and redis.call('TYPE', key).ok == 'hash' then -- a run that was dropped must not come back
    redis.call('HSET', key, 'recorded_by', ARGV[1])
  end
end
return redis.call('HDEL', KEYS[1], unpack(identities))
