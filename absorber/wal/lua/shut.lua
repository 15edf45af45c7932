-- shut: lets synchronous writers in once nothing of the table is pending.
--
-- KEYS  table state, dirty zset, AUTO_INCREMENT counter
-- ARGV  incarnation, the counter that MySQL was told ('' = none)
-- Answer: 1; CONFLICT while rows are dirty, or if the counter is another one;
--       SUPERSEDED if the gate is open; or LOST.
--
-- From here on the counter is MySQL's: that it was told is checked here, since
-- the gate may have been open for a moment after it was. What is seeded behind
-- the gate is what MySQL says then, smaller numbers after a TRUNCATE included.
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
  if (redis.call('GET', KEYS[3]) or '') ~= ARGV[2] then
    return CONFLICT
  end
  redis.call('DEL', KEYS[3])
  redis.call('SET', KEYS[1], inc .. ':' .. gen .. ':s')
end
return 1
