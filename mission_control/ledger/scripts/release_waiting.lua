-- Take the run that waits for its turn the longest, if no run of its task is in the way.
-- KEYS: 1 first active runs of tasks (hash), 2 other active runs of the task, 3 occurrences of it that wait for them,
--       4 requests that do (zsets)
-- ARGV: 1 task  2 now, Unix seconds  3 now, ISO  4 prefix of run keys  5 states of active runs, joined by commas with
--       one before and after
-- Reply: its execution_id, or false
-- Needs overlap.lua
require_rights(KEYS[1])
return release_next(turn_of(ARGV[1], KEYS), ARGV[2], ARGV[3], ARGV[4], ARGV[5]) or false
