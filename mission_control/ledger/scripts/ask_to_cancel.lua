-- Ask for a running attempt to be stopped, and for no other to follow.
-- KEYS: 1 run (hash)
-- ARGV: 1 reason  2 state of a running run
-- Reply: 1 if it was asked now or before, 0 if the run is not running
if redis.call('HGET', KEYS[1], 'state') ~= ARGV[2] then
  return 0
end
redis.call('HSETNX', KEYS[1], 'cancel_requested', ARGV[1])
return 1
