-- Note what is wrong with an entry and take it off the schedule, if it is still due when it was; or merely
-- note it, if that is new.
-- KEYS: 1 schedule (zset)  2 quarantine (hash)  3 journal (stream)  4 task ids (set)  5 edits (stream)
-- ARGV: 1 entry's key  2 due instant that was seen, Unix seconds  3 entry's key as text  4 note, JSON
--       5 now, ISO  6 what is wrong  7 1 if the entry stays on the schedule  8 task's id  9 JSON list of the edit
-- Reply: 0 it was moved or repaired meanwhile, or noted before: nothing changed; 1 done; 2 done, a task's entry
local stored = redis.call('ZSCORE', KEYS[1], ARGV[1])
if ARGV[7] == '1' then
  if not stored or redis.call('HEXISTS', KEYS[2], ARGV[3]) == 1 then
    return 0
  end
elseif not stored or tonumber(stored) ~= tonumber(ARGV[2]) then
  return 0
end
require_rights(KEYS[1])
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
redis.pcall('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', 'event', 'quarantined', 'at', ARGV[5], 'key', ARGV[3],
  'problem', ARGV[6]) -- only a note: the entry is taken off even if another program has overwritten the journal
if ARGV[7] ~= '1' then
  redis.call('ZREM', KEYS[1], ARGV[1])
end
local is_task = redis.pcall('SISMEMBER', KEYS[4], ARGV[8]) -- an error where another program has overwritten it
if is_task ~= 1 then
  return 1
end
redis.pcall('XADD', KEYS[5], 'MAXLEN', '~', 1000, '*', 'edits', ARGV[9])
return 2
