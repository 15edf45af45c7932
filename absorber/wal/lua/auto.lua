-- auto: the table's AUTO_INCREMENT counter, "generation:next value".
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
local value = redis.call('GET', KEYS[2])
local have, next = nil, nil
if value then
  have, next = string.match(value, '^(%d+):(%d+)$')
end
next = tonumber(next)
if have ~= gen then
  next = nil
end
local LIMIT = 9007199254740991

local function store(n)
  redis.call('SET', KEYS[2], gen .. ':' .. dec(n))
end

local verb, n = ARGV[2], tonumber(ARGV[3])
if verb == 'seed' or verb == 'raise' then
  if verb == 'raise' then
    n = n + 1
    if not next then
      return {state, false}
    end
  end
  if n > LIMIT then
    return {state, 'range'}
  end
  if not next or next < n then
    store(n)
  end
  return {state, dec(n)}
end
if not next then
  return {state, false}
end
if string.sub(state, -1) == 's' then
  return {state}
end
-- The smallest value of the form offset + k * increment that is not below next.
local inc, off = tonumber(ARGV[4]), tonumber(ARGV[5])
local first = off
if next > off then
  first = off + math.ceil((next - off) / inc) * inc
end
local last = first + (n - 1) * inc
if last >= LIMIT then
  return {state, 'range'}
end
if n > 0 then
  store(last + 1)
end
return {state, dec(first)}
