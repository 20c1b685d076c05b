-- Take an entry off the schedule, if it is still due when it was, and note what is wrong with it.
-- KEYS: 1 schedule (zset)  2 quarantine (hash)  3 journal (stream)
-- ARGV: 1 entry's key  2 due instant that was seen, Unix seconds  3 entry's key as text  4 note, JSON, "" if
--         nothing is wrong and it is merely taken off  5 now, ISO  6 what is wrong
-- Reply: 1 taken off, 0 it was moved or repaired meanwhile: nothing changed
local stored = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not stored or tonumber(stored) ~= tonumber(ARGV[2]) then
  return 0
end
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
  redis.pcall('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', 'event', 'quarantined', 'at', ARGV[5], 'key', ARGV[3],
    'problem', ARGV[6]) -- only a note: the entry is taken off even if another program has overwritten the journal
end
redis.call('ZREM', KEYS[1], ARGV[1])
return 1
