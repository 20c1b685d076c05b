-- Take the run that waits for its turn the longest, if no run of its task is in the way.
-- KEYS: 1 active runs of the task, 2 occurrences of it that wait for them, 3 requests that do (zsets)
-- ARGV: 1 now, Unix seconds  2 now, ISO  3 prefix of run keys  4 states of active runs, joined by commas with one
--       before and after
-- Reply: its execution_id, or false
-- Needs overlap.lua
return release_next(KEYS, ARGV[1], ARGV[2], ARGV[3], ARGV[4]) or false
