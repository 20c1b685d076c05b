-- How many runs of a task are remembered. Put in front of the scripts that enter and end runs.

-- Says in the high-water marks (hash) from which moment on what `name` stands for is remembered whole.
local function raise_mark(marks, name, at)
  if at > tonumber(redis.call('HGET', marks, name) or '0') then
    redis.call('HSET', marks, name, string.format('%.3f', at))
  end
end

-- Deletes the oldest runs of a task beyond those to keep, but for active ones, and no more than `most`: in a long
-- queue the oldest runs are all active, and every end does this.
local function trim_runs(runs, active, finished, marks, keep, most, run_prefix, effects_prefix)
  local surplus = math.min(redis.call('ZCARD', runs) - keep, most)
  if surplus <= 0 then
    return
  end
  local oldest = redis.call('ZRANGE', runs, 0, surplus - 1)
  local active_since = redis.call('ZMSCORE', active, unpack(oldest))
  for at, old in ipairs(oldest) do
    if not active_since[at] then
      raise_mark(marks, 'trimmed:' .. runs, tonumber(redis.call('ZSCORE', finished, old) or 0))
      redis.call('ZREM', runs, old)
      redis.call('ZREM', finished, old)
      redis.call('DEL', run_prefix .. old, effects_prefix .. old)
    end
  end
end

