-- Turns between the tasks that share a list. `fetch` and `hold` begin with this part.
--
-- The rightmost message of a list is the next to be taken, by whatever client. While more of them wait, the others
-- are sorted into lanes (lists), one a task, each first in, first out. The lanes have turns (a sorted set: task →
-- number of its next turn): the first of them gives its next message to the list, and joins the others at their end.
local MOST_SORTED, MOST_BYTES, AT_ONCE = 1000, 4 * 1024 * 1024, 20

-- What has the turn: the task of a run of ours, or the handler that a plain client's message names.
local function task_of(message)
  return string.match(message, '"id": ?"([%w_.-]+)@') or string.match(message, '"task": ?"([%w_.-]+)"') or ''
end

-- Gives a task the last turn.
local function join(turns, task)
  local last = redis.call('ZRANGE', turns, -1, -1, 'WITHSCORES')[2]
  redis.call('ZADD', turns, tonumber(last or '0') + 1, task)
end

local function take_in_turn(turns, lanes)
  while true do
    local next_two = redis.call('ZRANGE', turns, 0, 1)
    local task = next_two[1]
    if not task then
      return nil
    end
    local message = redis.pcall('RPOP', lanes .. task)
    local is_over = redis.pcall('LLEN', lanes .. task) == 0
    if is_over or type(message) ~= 'string' then
      redis.call('ZREM', turns, task)
    elseif next_two[2] then
      join(turns, task)
    end
    if type(message) == 'string' then
      return message
    end
  end
end

local function was_delivered(message)
  return string.find(message, '"redelivered": ?true') ~= nil
end

-- Puts messages, those to be taken first in front, into their lane, and those of `first` before all others there.
local function put_into_lane(list, turns, lanes, task, messages)
  local first, others = messages.first, messages.others
  local pushed = #others > 0 and redis.pcall('LPUSH', lanes .. task, unpack(others))
  for at = #first, 1, -1 do
    pushed = redis.pcall('RPUSH', lanes .. task, first[at])
  end
  if type(pushed) == 'number' then
    if not redis.call('ZSCORE', turns, task) then
      join(turns, task)
    end
    return
  end
  -- Another program has overwritten the lane: its messages stay on the list.
  for _, kind in ipairs({others, first}) do
    for at = #kind, 1, -1 do
      redis.call('RPUSH', list, kind[at])
    end
  end
end

-- Sorts the messages of a list into their lanes. Those that were given back come first there, and so does the one
-- that had the turn before them, if `has_next` says that there is one.
local function sort_into_lanes(list, turns, lanes, has_next)
  local found, tasks, bytes, count = {}, {}, 0, 0
  while bytes < MOST_BYTES and count < MOST_SORTED do
    local messages = redis.call('RPOP', list, AT_ONCE)
    if not messages then
      break
    end
    for _, message in ipairs(messages) do
      local task = task_of(message)
      if not found[task] then
        found[task] = {first = {}, others = {}}
        tasks[#tasks + 1] = task
      end
      local is_returned = was_delivered(message)
      table.insert((is_returned or has_next) and found[task].first or found[task].others, message)
      has_next = has_next and is_returned
      bytes, count = bytes + #message, count + 1
    end
  end
  for _, task in ipairs(tasks) do
    put_into_lane(list, turns, lanes, task, found[task])
  end
end

local function put_next(list, turns, lanes)
  local message = take_in_turn(turns, lanes)
  if message then
    redis.call('RPUSH', list, message)
  end
end

-- Takes the next message of a list, and puts the one after it in its place; nil if there is none.
local function take(list, turns, lanes)
  local kind = redis.call('TYPE', turns).ok
  local has_turns = kind == 'zset'
  local message = redis.pcall('RPOP', list) -- a key of another type must not stop the other queues
  if type(message) == 'table' then
    return not string.find(message.err, 'WRONGTYPE', 1, true) and redis.call('RPOP', list) or nil -- raises others
  elseif not has_turns and kind ~= 'none' then
    return message or nil -- another program has overwritten the turns: first in, first out
  end
  if not message and has_turns then
    message = take_in_turn(turns, lanes)
  end
  if not message then
    return nil
  end
  local left = redis.call('LLEN', list)
  if has_turns and left == 0 then
    put_next(list, turns, lanes)
  elseif left > 1 or has_turns then
    sort_into_lanes(list, turns, lanes, has_turns and was_delivered(message))
    put_next(list, turns, lanes)
  end
  return message
end

