-- Ask for a running attempt to be stopped, and for no other to follow.
-- KEYS: 1 run (hash)
-- ARGV: 1 why
-- Reply: 1 if it was asked (or was before), 0 if the run is not running
if redis.call('HGET', KEYS[1], 'state') ~= 'running' then
  return 0
end
redis.call('HSETNX', KEYS[1], 'cancel_requested', ARGV[1])
return 1
