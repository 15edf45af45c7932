-- fill: stores a row read from MySQL if nobody has written it since its lease.
--
-- KEYS  table state, row, lease
-- ARGV  expected state without its gate, token, whole value, TTL in ms
-- Answer: the state, the row that was there already or nil, 1 if stored.
local state = redis.call('GET', KEYS[1])
if not state or string.sub(state, 1, -2) ~= ARGV[1] or string.sub(state, -1) == 's' then
  return {state}
end
local row = redis.call('GET', KEYS[2])
if row then
  return {state, row, 0}
end
if redis.call('GET', KEYS[3]) ~= ARGV[2] then
  return {state, false, 0}
end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
redis.call('DEL', KEYS[3])
return {state, false, 1}
