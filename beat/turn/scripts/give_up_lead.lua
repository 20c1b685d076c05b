-- Give the lead up, so that another beat takes it at once.
-- KEYS: 1 lead (string)  2 heartbeat (string)  ARGV: 1 name of this beat  2 channel that wakes beats
-- Reply: 1 given up, 0 it was not this beat's
redis.call('DEL', KEYS[2])
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1])
redis.pcall('PUBLISH', ARGV[2], 'lead given up') -- a user without channels may not
return 1
