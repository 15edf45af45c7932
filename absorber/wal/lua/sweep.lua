-- sweep: takes away the locks of transactions that have ended without doing it.
--
-- KEYS  locks, owners, waits, mark
-- ARGV  -
-- Answer: the number of locks taken away.
local now, gone = now_ms(), 0
local owners = redis.call('HKEYS', KEYS[2])
for i = 1, #owners do
  if not alive(KEYS[2], owners[i], now) then
    redis.call('HDEL', KEYS[2], owners[i])
    redis.call('HDEL', KEYS[3], owners[i])
  end
end
local live = {}
owners = redis.call('HKEYS', KEYS[2])
for i = 1, #owners do
  live[owners[i]] = true
end
local waits = redis.call('HKEYS', KEYS[3])
for i = 1, #waits do
  if not live[waits[i]] then
    redis.call('HDEL', KEYS[3], waits[i])
  end
end
local locks = redis.call('HGETALL', KEYS[1])
for i = 1, #locks, 2 do
  local owners, shared, first = apart(locks[i + 1])
  local left = {}
  for _, owner in ipairs(owners) do
    if live[owner] then
      left[#left + 1] = owner
    end
  end
  if #left == 0 then
    redis.call('HDEL', KEYS[1], locks[i])
  elseif #left < #owners then
    redis.call('HSET', KEYS[1], locks[i], together(left, first))
  end
  gone = gone + #owners - #left
end
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[4])
end
return gone
