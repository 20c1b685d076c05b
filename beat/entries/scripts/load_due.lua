-- Read the entries whose due instant lies in a range, the longest due first; fewer if they are large.
-- KEYS: 1 schedule (zset)  2… entries (hash) to be read in place of those in the range, as if due at 0
-- ARGV: 1 from, Unix seconds  2 to, Unix seconds  3 skip so many  4 at most so many
-- Reply: {key, due, task or "", definition or "", meta or "", revision or "", signature or "", …}; seven values
--        an entry. A hash that cannot be read has its error in place of the definition, after "!"; a task has
--        "disabled" or "" there, and in place of `meta` the due instant that was decided, "inf" for none, "" if
--        unknown
local due = {}
if #KEYS == 1 then
  due = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'BYSCORE', 'LIMIT', ARGV[3], ARGV[4], 'WITHSCORES')
end
for at = 2, #KEYS do
  due[#due + 1] = KEYS[at]
  due[#due + 1] = '0'
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
    answer[n + 3], answer[n + 4], answer[n + 5], answer[n + 6] = fields[1], disabled and 'disabled' or '',
      fields[5] == '' and 'inf' or fields[5] or '', fields[4] or ''
  else
    answer[n + 3], answer[n + 4], answer[n + 5], answer[n + 6] = '', fields[2] or '', fields[3] or '',
      fields[4] or ''
  end
  answer[n + 7] = not fields.err and fields[6] or ''
end
return answer
