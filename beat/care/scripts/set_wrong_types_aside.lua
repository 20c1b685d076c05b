-- Rename keys that have the wrong type.
-- KEYS: any number  ARGV: 1 what is appended to the name  2… the type that each key must have
-- Reply: the keys that were renamed
local renamed = {}
for at, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'none' and kind ~= ARGV[at + 1] then
    redis.call('RENAME', key, key .. ARGV[1])
    renamed[#renamed + 1] = key
  end
end
return renamed
