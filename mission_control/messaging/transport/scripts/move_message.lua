-- Move a message to the end of another list, once.
-- KEYS: 1 list that has it  2 list it goes to
-- ARGV: 1 message
-- Reply: 1 if it was moved, 0 if another process took it
require_rights(KEYS[1])
if redis.call('LREM', KEYS[1], -1, ARGV[1]) == 0 then
  return 0
end
redis.call('LPUSH', KEYS[2], ARGV[1])
return 1
