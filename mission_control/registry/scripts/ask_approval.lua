-- Keep a change that waits for an approval, in the place of an earlier one of its task.
-- KEYS: 1 what waits for an approval (hash)
-- ARGV: 1 task id  2 JSON of the change  3 most that may wait  4 how long they are kept, in milliseconds
-- Reply: 1 kept, 0 too many wait; nothing was changed
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
  return 0
end
require_rights(KEYS[1])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
