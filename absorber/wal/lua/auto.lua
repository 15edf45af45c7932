-- auto: the table's AUTO_INCREMENT counter (prelude.lua).
--
-- KEYS  table state, counter
-- ARGV  expected state without its gate, 'take', 'seed', 'raise' or 'keep',
--       take: how many, increment, offset; seed: next value; raise: used value;
--       keep: next value
-- Answer: the state, then take: the first value, or nil if not seeded;
--       'range' if a value would pass 2^53 - 1. Of a gate that is not open:
--       the state alone. MySQL is about to have the counter then, or has it.
--
-- A counter of another generation has not been handed over to MySQL (shut.lua):
-- its state was lost. What it gave out is not given out again.
--
-- keep is what a process does that fears for the counter: it was given values
-- below next under the state, and Redis may have lost that. It asks for no
-- state, and is ignored if MySQL has had the counter since.
local state = redis.call('GET', KEYS[1])
local verb, n = ARGV[2], tonumber(ARGV[3])
local LIMIT = 9007199254740991
if verb == 'keep' then
  local inc, gen, gate
  if state then
    inc, gen, gate = split(state)
  end
  local winc, wgen = string.match(ARGV[1], '^(.*):(%d+):$')
  if inc == winc and (tonumber(gen) > tonumber(wgen) or gen == wgen and gate == 's') then
    return {state}
  end
  local c = parsecounter(redis.call('GET', KEYS[2])) or {gen = '0', next = 0, inc = 1, off = 1}
  if c.next < n then
    c.next = n
    redis.call('SET', KEYS[2], countertext(c))
  end
  return {state or ''}
end
if not state or string.sub(state, 1, -2) ~= ARGV[1] or string.sub(state, -1) ~= 'o' then
  return {state}
end
local _, gen = split(state)
local c = parsecounter(redis.call('GET', KEYS[2]))
if c and c.gen ~= gen then
  if verb == 'seed' then
    c.gen, n = gen, math.max(n, c.next)
    c.next = 0 -- so that it is stored
  else
    c = nil
  end
end

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
