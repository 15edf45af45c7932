-- auto: the table's AUTO_INCREMENT counter (prelude.lua).
--
-- KEYS  table state, counter
-- ARGV  expected state without its gate, 'take', 'back', 'seed', 'raise' or
--       'keep', take: how many, increment, offset; seed: next value; raise: used
--       value; keep: next value; back: first value, next value, increment and
--       offset after it was taken, and the last three before
-- Answer: the state, then take: the first value, or nil if not seeded, and next
--       value, increment and offset as they were; back: 1, or nil if the values
--       cannot be taken back; 'range' if a value would pass 2^53 - 1. Of a gate
--       that is not open: the state alone. MySQL is about to have the counter
--       then, or has it.
--
-- A counter of another generation has not been handed over to MySQL (shut.lua):
-- its state was lost. What it gave out is not given out again.
--
-- keep is what a process does that fears for the counter: it was given values
-- below next under the state, and Redis may have lost that. It asks for no
-- state, and is ignored if MySQL has had the counter since.
--
-- back is for values that nobody will use: the counter is what it was before they
-- were taken. Only while nothing was taken since, or what was has come back too:
-- as long as values are out, the counter stays above them. And only if nobody else
-- was found to use one of them (used). It must not be asked for twice: the second
-- might take back what somebody has been given since.
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
  local c = parsecounter(redis.call('GET', KEYS[2])) or newcounter('0')
  if pass(c, n - 1, n) then
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
  local next = above(c, n, 1)
  if next > LIMIT then
    return {state, 'range'}
  end
  if pass(c, n, next) then
    redis.call('SET', KEYS[2], countertext(c))
  end
  return {state, dec(next)}
end
if verb == 'seed' then
  if n > LIMIT then
    return {state, 'range'}
  end
  c = c or newcounter(gen)
  if c.next < n then
    c.next = n
    redis.call('SET', KEYS[2], countertext(c))
  end
  return {state, dec(n)}
end
if not c then
  return {state, false}
end
if verb == 'back' then
  if c.next ~= tonumber(ARGV[4]) or c.inc ~= tonumber(ARGV[5]) or c.off ~= tonumber(ARGV[6]) or c.used >= n then
    return {state, false}
  end
  c.next, c.inc, c.off = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
  redis.call('SET', KEYS[2], countertext(c))
  return {state, '1'}
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
local was = {dec(c.next), dec(c.inc), dec(c.off)}
if n > 0 then
  c.inc, c.off = inc, off
  c.next = above(c, first, n)
  redis.call('SET', KEYS[2], countertext(c))
end
return {state, dec(first), unpack(was)}
