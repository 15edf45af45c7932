-- lock: locks rows and unique values for a transaction, all of them or none,
-- and prolongs its lease.
--
-- KEYS  meta, locks, owners, waits, mark
-- ARGV  incarnation, owner, lease in ms, '1' if the owner may be new, '1' if it
--       waits for what it does not get, the locks, each behind 'x', or 's' if it
--       may be shared
-- Answer: 1; LOCKED: another transaction has one of them, or has waited longer
--         to have it alone; DEADLOCK: and that one waits, perhaps through
--         others, for this one; SUPERSEDED: the owner's lease has ended; LOST.
--
-- locks is a hash lock -> value (apart, in the prelude), owners a hash owner ->
-- end of its lease in ms, waits a hash owner -> the locks for which it waits. A
-- lock whose owner is not in owners, or there with a lease that has ended, is
-- none. An owner never comes back: its name is used once. mark is there while
-- locks has a field.
if redis.call('HGET', KEYS[1], 'incarnation') ~= ARGV[1] then
  return LOST
end
local me, now = ARGV[2], now_ms()
local mine = redis.call('HGET', KEYS[3], me)
if not mine and ARGV[4] ~= '1' or mine and tonumber(mine) <= now then
  return SUPERSEDED
end
redis.call('HSET', KEYS[3], me, dec(now + tonumber(ARGV[3])))
redis.call('HDEL', KEYS[4], me)

local values = {} -- lock -> value, false if nobody has it
do
  local names = {}
  for i = 6, #ARGV do
    names[i - 5] = string.sub(ARGV[i], 2)
  end
  for from = 1, #names, SLICE do
    local to = math.min(from + SLICE - 1, #names)
    for i, value in ipairs(lockvalues(KEYS[2], names, from, to)) do
      values[names[from + i - 1]] = value
    end
  end
end

-- valueof is the value of a lock.
local function valueof(name)
  if values[name] == nil then
    values[name] = redis.call('HGET', KEYS[2], name)
  end
  return values[name]
end

-- put sets the value of a lock.
local function put(name, value)
  redis.call('HSET', KEYS[2], name, value)
  values[name] = value
end

-- wanted are the locks for which an owner waits, as they stand in ARGV: each is
-- its length, a colon and itself.
local function wanted(owner)
  local text, list, at = redis.call('HGET', KEYS[4], owner), {}, 1
  while text and at <= #text do
    local colon = string.find(text, ':', at, true)
    local n = tonumber(string.sub(text, at, colon - 1))
    list[#list + 1] = string.sub(text, colon + 1, colon + n)
    at = colon + n + 1
  end
  return list
end

-- waits reports whether an owner lives and waits to have a lock alone.
local function waits(owner, name)
  if alive(KEYS[3], owner, now) then
    for _, want in ipairs(wanted(owner)) do
      if want == 'x' .. name then
        return true
      end
    end
  end
  return false
end

-- ahead are the living owners for whom an owner has to wait at a lock: those who
-- have it, and, so that who wants it alone comes to it one day, at a shared lock
-- the one who waits for that, ahead of new owners.
local function ahead(owner, want)
  local name, alone = string.sub(want, 2), string.byte(want) == 120
  local value, list = valueof(name), {}
  if not value then
    return list
  end
  local owners, shared, first = apart(value)
  local has = false
  for _, other in ipairs(owners) do
    if other == owner then
      has = true
    elseif (alone or not shared) and alive(KEYS[3], other, now) then
      list[#list + 1] = other
    end
  end
  if shared and not alone and not has and first and first ~= owner and waits(first, name) then
    list[#list + 1] = first
  end
  return list
end

local barred, reached = '', {}
for i = 6, #ARGV do
  local list = ahead(me, ARGV[i])
  if #list > 0 then
    if ARGV[5] ~= '1' then
      return LOCKED
    end
    barred = barred .. dec(#ARGV[i]) .. ':' .. ARGV[i]
    for _, owner in ipairs(list) do
      reached[#reached + 1] = owner
    end
    local name = string.sub(ARGV[i], 2)
    local owners, shared, first = apart(valueof(name))
    if shared and string.byte(ARGV[i]) == 120 and not (first and waits(first, name)) then
      put(name, together(owners, me))
    end
  end
end
if #reached > 0 then
  redis.call('HSET', KEYS[4], me, barred)
  local known, at = {}, 1
  while at <= #reached do
    local owner = reached[at]
    at = at + 1
    if owner == me then
      redis.call('HDEL', KEYS[4], me)
      return DEADLOCK
    end
    if not known[owner] then
      known[owner] = true
      for _, want in ipairs(wanted(owner)) do
        for _, other in ipairs(ahead(owner, want)) do
          reached[#reached + 1] = other
        end
      end
    end
  end
  return LOCKED
end

for i = 6, #ARGV do
  local name, value = string.sub(ARGV[i], 2), nil
  if string.byte(ARGV[i]) == 120 then
    value = me
  else
    local owners, shared, first = apart(valueof(name) or '+')
    local living = {me}
    for _, owner in ipairs(owners) do
      if owner ~= me and alive(KEYS[3], owner, now) then
        living[#living + 1] = owner
      end
    end
    if shared or owners[1] ~= me then -- who has it alone keeps it so
      value = together(living, first)
    end
  end
  if value then
    put(name, value)
  end
end
if #ARGV >= 6 then
  redis.call('SET', KEYS[5], '1')
end
return 1
