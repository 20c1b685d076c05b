-- Read the entries whose due instant lies in a range, the longest due first; fewer if they are large.
-- KEYS: 1 schedule (zset)  2… entries (hash) to be read in place of those in the range, as if due at 0
-- ARGV: 1 from, Unix seconds  2 to, Unix seconds  3 skip so many  4 at most so many
--       5 how many runs of a task may be unfinished  6 active runs (zset)  7 prefix of entries  8 prefix and 9 suffix
--       of the runs of a task (zset)  10 prefix of run keys  11 state of a missed run; 5 to 11 may be left out
-- Reply: {key, due, task or "", definition or "", meta or "", revision or "", signature or "", …}; seven values
--        an entry. A hash that cannot be read has its error in place of the definition, after "!"; a task has there
--        "disabled", "full" (as many of its runs as may be are unfinished) or "", and in place of `meta` the due
--        instant that was decided, "inf" for none, "" if unknown
local due = {}
if #KEYS == 1 then
  due = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'BYSCORE', 'LIMIT', ARGV[3], ARGV[4], 'WITHSCORES')
end
for at = 2, #KEYS do
  due[#due + 1] = KEYS[at]
  due[#due + 1] = '0'
end
local most = tonumber(ARGV[5] or '')
local active_count = most and redis.pcall('ZCARD', ARGV[6])
local is_busy = type(active_count) == 'number' and active_count >= most

-- Whether as many runs of a task as may be are unfinished. They are counted only if its newest run is unfinished or
-- was missed, because a count takes long: of a task that keeps up neither is so.
local function is_full(entry)
  local runs = ARGV[8] .. string.sub(entry, #ARGV[7] + 1) .. ARGV[9]
  local newest = redis.pcall('ZREVRANGE', runs, 0, 0)[1]
  if not newest or redis.call('ZCARD', runs) < most then
    return false
  end
  local is_active = redis.call('ZSCORE', ARGV[6], newest)
  if not is_active and redis.pcall('HGET', ARGV[10] .. newest, 'state') ~= ARGV[11] then
    return false
  end
  local count = redis.pcall('ZINTERCARD', 2, runs, ARGV[6], 'LIMIT', most)
  return type(count) ~= 'number' or count >= most -- an error before Redis 7
end

local most_bytes = 8 * 1024 * 1024
local answer, size = {}, 0
for at = 1, #due, 2 do
  if size > most_bytes and #KEYS == 1 then
    break
  end
  local fields = redis.pcall('HMGET', due[at], 'task', 'definition', 'meta', 'revision', 'due', 'signature')
  local n = #answer
  answer[n + 1] = due[at]
  answer[n + 2] = due[at + 1]
  size = size + string.len(fields[1] or '') + string.len(fields[2] or '')
  if fields.err then
    answer[n + 3], answer[n + 4], answer[n + 5], answer[n + 6] = '', '!' .. fields.err, '', ''
  elseif fields[1] then
    -- RedBeat's fields matter for a task of ours only where a RedBeat tool has disabled it.
    local disabled = fields[2] and string.find(fields[2], '"enabled"%s*:%s*false')
    answer[n + 3], answer[n + 4], answer[n + 5], answer[n + 6] = fields[1],
      disabled and 'disabled' or is_busy and is_full(due[at]) and 'full' or '',
      fields[5] == '' and 'inf' or fields[5] or '', fields[4] or ''
  else
    answer[n + 3], answer[n + 4], answer[n + 5], answer[n + 6] = '', fields[2] or '', fields[3] or '',
      fields[4] or ''
  end
  answer[n + 7] = not fields.err and fields[6] or ''
end
return answer
