-- shut: lets synchronous writers in once nothing of the table is pending.
--
-- KEYS  table state, dirty zset
-- ARGV  incarnation
-- Answer: 1; CONFLICT while rows are dirty; SUPERSEDED if the gate is open; or LOST.
local state = redis.call('GET', KEYS[1])
local inc, gen, gate
if state then
  inc, gen, gate = split(state)
end
if inc ~= ARGV[1] then
  return LOST
end
if gate == 'o' then
  return SUPERSEDED
end
if gate == 'c' then
  if redis.call('ZCARD', KEYS[2]) > 0 then
    return CONFLICT
  end
  redis.call('SET', KEYS[1], inc .. ':' .. gen .. ':s')
end
return 1
