-- Put in front of every script. Numbers travel as decimal strings or as eight
-- big-endian bytes: Lua would print 1e+15, and comparing strings with < asks
-- the locale. LSNs stay exact up to 2^53.
local CONFLICT, GATED, STALE, FULL, LOST, SUPERSEDED, UNSEEDED = -1, -2, -3, -4, -5, -6, -7
local LOCKED, DEADLOCK, UNLOCKED, ROLL, FENCE = -8, -9, -10, -11, -12
local SLICE = 4000 -- unpack() has a C stack of 8000 slots

local function dec(n)
  return string.format('%.0f', n)
end

local function bytes8(n)
  local hi = math.floor(n / 4294967296)
  local lo = n - hi * 4294967296
  return string.char(
    math.floor(hi / 16777216) % 256, math.floor(hi / 65536) % 256, math.floor(hi / 256) % 256, hi % 256,
    math.floor(lo / 16777216) % 256, math.floor(lo / 65536) % 256, math.floor(lo / 256) % 256, lo % 256)
end

local function number8(s)
  local a, b, c, d, e, f, g, h = string.byte(s, 1, 8)
  return ((((((a * 256 + b) * 256 + c) * 256 + d) * 256 + e) * 256 + f) * 256 + g) * 256 + h
end

-- serverrun names the run of the server, '' if it does not tell.
local function serverrun()
  local info = redis.pcall('INFO', 'server')
  return type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
end

local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- mget reads keys[from..to], in slices.
local function mget(keys, from, to)
  if to < from then
    return {}
  end
  if to - from < SLICE then
    return redis.call('MGET', unpack(keys, from, to))
  end
  local out, n = {}, 0
  for i = from, to, SLICE do
    local part = redis.call('MGET', unpack(keys, i, math.min(i + SLICE - 1, to)))
    for j = 1, #part do
      n = n + 1
      out[n] = part[j]
    end
  end
  return out
end

-- each runs a command, with a key or without, on list[from..to], in slices
-- (of an even length: lists of pairs stay pairs).
local function each(list, from, to, command, key)
  for i = from, to, SLICE do
    local last = math.min(i + SLICE - 1, to)
    if key then
      redis.call(command, key, unpack(list, i, last))
    else
      redis.call(command, unpack(list, i, last))
    end
  end
end

-- hset sets the fields of a hash to the values of a table.
local function hset(key, fields)
  local list, n = {}, 0
  for field, value in pairs(fields) do
    list[n + 1], list[n + 2] = field, value
    n = n + 2
  end
  each(list, 1, n, 'HSET', key)
end

-- parsecounter takes an AUTO_INCREMENT counter "generation:next:increment:offset:used"
-- apart; nil if it is not there. The increment and the offset are those of the
-- statement that last took a value. used, which may be missing, is the highest
-- value that the counter had passed already when somebody else was found to use
-- it: it is not taken back (auto.lua).
local function parsecounter(value)
  local gen, next, inc, off, used = string.match(value or '', '^(%d+):(%d+):?(%d*):?(%d*):?(%d*)$')
  if not gen then
    return nil
  end
  return {gen = gen, next = tonumber(next), inc = tonumber(inc) or 1, off = tonumber(off) or 1, used = tonumber(used) or 0}
end

-- newcounter is a counter that has given out nothing.
local function newcounter(gen)
  return {gen = gen, next = 0, inc = 1, off = 1, used = 0}
end

-- counter is parsecounter; nil also for a counter of another generation.
local function counter(value, gen)
  local c = parsecounter(value)
  if c and c.gen == gen then
    return c
  end
end

-- countertext is what parsecounter takes apart.
local function countertext(c)
  local text = c.gen .. ':' .. dec(c.next) .. ':' .. dec(c.inc) .. ':' .. dec(c.off)
  if c.used > 0 then
    return text .. ':' .. dec(c.used)
  end
  return text
end

-- above is what InnoDB has its counter give out next once n values from v on
-- are used: the series goes on at the increment.
local function above(c, v, n)
  return math.floor(math.abs(v - c.off) / c.inc) * c.inc + n * c.inc + c.off
end

-- pass has a counter give out next, if it is not there yet, because value is
-- used. It reports whether the counter has changed.
local function pass(c, value, next)
  if c.next < next then
    c.next = next
  elseif c.used < value then
    c.used = value
  else
    return false
  end
  return true
end

-- split takes a table's state "incarnation:generation:gate" apart.
local function split(state)
  return string.match(state, '^(.*):(%d+):(%a)$')
end

-- lockvalues are the values of locks list[from..to], false for those that nobody has.
local function lockvalues(key, list, from, to)
  if to < from then
    return {}
  end
  return redis.call('HMGET', key, unpack(list, from, to))
end

-- apart takes a lock's value apart: its owners, whether they share it, and who
-- waits to have it alone, nil if nobody. It is the name of the owner; or, of a
-- lock that is shared, '+', the names with spaces between them, and where
-- somebody waits '|' and his name.
local function apart(value)
  if string.byte(value) ~= 43 then
    return {value}, false, nil
  end
  local names, first = string.match(value, '^%+([^|]*)|?(.*)$')
  local list = {}
  for name in string.gmatch(names, '[^ ]+') do
    list[#list + 1] = name
  end
  if first == '' then
    first = nil
  end
  return list, true, first
end

-- together is the value of a lock that owners share; nil if there are none.
local function together(owners, first)
  if #owners == 0 then
    return nil
  end
  local value = '+' .. table.concat(owners, ' ')
  if first then
    value = value .. '|' .. first
  end
  return value
end

-- alive reports whether a transaction has its locks still.
local function alive(key, owner, now)
  local ends = redis.call('HGET', key, owner)
  return ends and tonumber(ends) > now
end

-- barredby reports whether a living owner other than me has a lock of this value
-- in a way that keeps me from it; alone says that I want it alone.
local function barredby(key, value, me, alone, now)
  local owners, shared = apart(value)
  if shared and not alone then
    return false
  end
  for i = 1, #owners do
    if owners[i] ~= me and alive(key, owners[i], now) then
      return true
    end
  end
  return false
end

-- barred reports whether somebody other than owner ('' = nobody) has one of the
-- locks that are named.
local function barred(locks, lockers, names, owner, now)
  for from = 1, #names, SLICE do
    local values = lockvalues(locks, names, from, math.min(from + SLICE - 1, #names))
    for i = 1, #values do
      if values[i] and barredby(lockers, values[i], owner, true, now) then
        return true
      end
    end
  end
  return false
end

-- touch notes in t what a write of commit.lua, whose unit is id, touches of its
-- table.
local function touch(t, w, id)
  t['*'] = id
  if #w == 22 then
    t[''] = id
  end
  for i = 23, #w, 2 do
    t[string.sub(w, i, i + 1) .. string.sub(w, 11, 14)] = id
  end
end
