-- Clear the debts of records that were written, and note at runs whose final record is among them who wrote it.
-- KEYS: 1 owed audit records (hash)
-- ARGV: 1 writer  2 prefix of run keys  3… identities of records (attempt:final:execution_id)
-- Reply: how many debts were cleared
for at = 3, #ARGV do
  local execution_id = string.match(ARGV[at], '^[^:]*:1:(.*)$')
  local key = execution_id and ARGV[2] .. execution_id
  if key and redis.call('TYPE', key).ok == 'hash' then -- or it was dropped by now, and is not to come back
    redis.call('HSET', key, 'recorded_by', ARGV[1])
  end
end
return redis.call('HDEL', KEYS[1], unpack(ARGV, 3))
