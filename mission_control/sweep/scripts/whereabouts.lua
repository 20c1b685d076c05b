-- Look for the messages of some runs in a broker: among those delivered, and among those taken next.
-- KEYS: 1 unacked (hash)  2… lists of queues
-- ARGV: 1 how many of the messages taken next to look at, of each list  2… execution_ids
-- Reply: {ids that were found among the delivered, then for each list {its length, id, …}}; of a message
--        whose id cannot be read the id is ""; a list that is none is empty
local function id_of(message)
  return string.match(message, '"id": ?"([^"]*)"') or ''
end

local wanted, delivered = {}, {}
for at = 2, #ARGV do
  wanted[ARGV[at]] = true
end
for _, message in ipairs(redis.call('HVALS', KEYS[1])) do
  local id = id_of(message)
  if wanted[id] then
    delivered[#delivered + 1] = id
  end
end
local answer = {delivered}
for at = 2, #KEYS do
  local list = {0}
  if redis.call('TYPE', KEYS[at]).ok == 'list' then
    list[1] = redis.call('LLEN', KEYS[at])
    for _, message in ipairs(redis.call('LRANGE', KEYS[at], -tonumber(ARGV[1]), -1)) do
      list[#list + 1] = id_of(message)
    end
  end
  answer[#answer + 1] = list
end
return answer
