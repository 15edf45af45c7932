-- relayed: how far the queue, or MySQL, has the lane.
--
-- KEYS  meta
-- ARGV  incarnation
-- Answer: LSN as text, or LOST.
local m = redis.call('HMGET', KEYS[1], 'incarnation', 'relayed', 'settled')
if m[1] ~= ARGV[1] then
  return LOST
end
if tonumber(m[2]) < tonumber(m[3]) then
  return m[3]
end
return m[2]
