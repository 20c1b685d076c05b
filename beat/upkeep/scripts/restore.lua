-- Take an entry out of quarantine, if nothing else has happened to it, and put it back on the schedule.
-- KEYS: 1 schedule (zset)  2 quarantine (hash)  3 journal (stream)  4 task ids (set)  5 edits (stream)
-- ARGV: 1 entry's key  2 when it was due, Unix seconds  3 note that was seen  4 now, ISO  5 task's id  6 JSON list of the edit
-- Reply: 0 it was repaired or removed meanwhile: nothing changed; 1 done; 2 done, a task's entry
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[3] then
  return 0
end
require_rights(KEYS[1])
redis.call('ZADD', KEYS[1], 'NX', ARGV[2], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.pcall('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', 'event', 'restored', 'at', ARGV[4], 'key', ARGV[1])
if redis.pcall('SISMEMBER', KEYS[4], ARGV[5]) ~= 1 then
  return 1
end
redis.pcall('XADD', KEYS[5], 'MAXLEN', '~', 1000, '*', 'edits', ARGV[6])
return 2
