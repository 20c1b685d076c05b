-- Let a run that waits for another to end count as active now.
-- KEYS: 1 first active runs of tasks (hash), 2 other active runs of the task, 3 occurrences of it that wait for them,
--       4 requests that do (zsets)  5 run (hash)
-- ARGV: 1 task  2 execution_id  3 now, Unix seconds
-- Needs overlap.lua
require_rights(KEYS[1])
redis.call('ZREM', KEYS[3], ARGV[2])
redis.call('ZREM', KEYS[4], ARGV[2])
redis.call('HDEL', KEYS[5], 'waits_for', 'waits_until', 'awaits_due')
local turn = turn_of(ARGV[1], KEYS)
redis.call('ZREM', KEYS[2], ARGV[2]) -- it may have been entered before it was due
add_active(turn, ARGV[2], ARGV[3], true)
