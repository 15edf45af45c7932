-- auto: the table's AUTO_INCREMENT counter (prelude.lua).
--
-- KEYS  table state, counter
-- ARGV  expected state without its gate, 'take', 'seed' or 'raise',
--       take: how many, increment, offset; seed: next value; raise: used value
-- Answer: the state, then take: the first value, or nil if not seeded;
--       'range' if a value would pass 2^53 - 1.
local state = redis.call('GET', KEYS[1])
if not state or string.sub(state, 1, -2) ~= ARGV[1] then
  return {state}
end
local _, gen = split(state)
local c = counter(redis.call('GET', KEYS[2]), gen)
local LIMIT = 9007199254740991

local verb, n = ARGV[2], tonumber(ARGV[3])
if verb == 'raise' then
  if not c then
    return {state, false}
  end
  n = above(c, n, 1)
end
if verb == 'seed' or verb == 'raise' then
  if n > LIMIT then
    return {state, 'range'}
  end
  c = c or {gen = gen, next = 0, inc = 1, off = 1}
  if c.next < n then
    c.next = n
    redis.call('SET', KEYS[2], countertext(c))
  end
  return {state, dec(n)}
end
if not c then
  return {state, false}
end
if string.sub(state, -1) == 's' then
  return {state}
end
-- The smallest value of the form offset + k * increment that is not below next.
local inc, off = tonumber(ARGV[4]), tonumber(ARGV[5])
local first = off
if c.next > off then
  first = off + math.ceil((c.next - off) / inc) * inc
end
if first + n * inc > LIMIT then
  return {state, 'range'}
end
if n > 0 then
  c.inc, c.off = inc, off
  c.next = above(c, first, n)
  redis.call('SET', KEYS[2], countertext(c))
end
return {state, dec(first)}
