-- commit: gives each unit of the call the lane's next LSN, or refuses it whole.
--
-- KEYS  meta, wal, then for each unit:
--       writer hash | states (T), read leases (L), claims (C), releases (X) |
--       dirty zsets (T), rows read (V), rows written (W), leases to drop (W+C)
-- ARGV  incarnation, floor, then for each unit:
--       keys, args (their number, this unit), writer, seq, max backlog,
--       T, L, C, X, V, W, data | T expected states | L tokens | C owners |
--       X owners | V versions ('' = no row or a tombstone) |
--       W times (table index, key, head, image)
-- Answer: one number for each unit, its LSN or a refusal, or an error reply;
--       or LOST alone.
--
-- A unit is validated before its first write, and XADD, the only write that
-- can be refused (memory, an id below the top), is the first. All other writes
-- are put off to the end of the call, where one command serves all units; what
-- they will change is seen by the units behind through the tables below.
local meta, wal = KEYS[1], KEYS[2]
local m = redis.call('HMGET', meta, 'incarnation', 'lsn', 'settled')
if m[1] ~= ARGV[1] or tonumber(m[2]) < tonumber(ARGV[2]) then
  return LOST
end
local lsn, settled = tonumber(m[2]), tonumber(m[3])
local before = lsn

local states = {}  -- table state key -> value, false if absent
local records = {} -- writer hash -> writer -> "seq:answer"
local heads = {}   -- row key -> first 14 bytes, of rows written in this call
local claims = {}  -- claim key -> value, false if released in this call
local gone = {}    -- lease key -> true if dropped in this call
local mset, dels, zadds, hsets = {}, {}, {}, {} -- what is put off

-- state reads a table's state once a call.
local function state(key)
  local s = states[key]
  if s == nil then
    s = redis.call('GET', key)
    states[key] = s
  end
  return s
end

-- rowhead is the header of a row, '' if there is none.
local function rowhead(key)
  return heads[key] or redis.call('GETRANGE', key, 0, 13)
end

-- claim is a claim as the units before have left it.
local function claim(key, stored)
  local c = claims[key]
  if c == nil then
    return stored
  end
  return c
end

-- refused finds a cause not to apply the unit, or nil and the releases that hold.
local function refused(kb, a, T, L, C, X, V, backlog)
  if backlog > 0 and lsn - settled >= backlog then
    return FULL
  end
  for i = 1, T do
    local is, want = state(KEYS[kb + i]), ARGV[a + i]
    if is ~= want then
      if is and string.sub(is, 1, -2) == string.sub(want, 1, -2) then
        return GATED
      end
      return STALE
    end
  end
  local k, v = kb + T, a + T
  local got = mget(KEYS, k + 1, k + L + C + X)
  for i = 1, L do
    if got[i] ~= ARGV[v + i] or gone[KEYS[k + i]] then
      return CONFLICT
    end
  end
  local released, free = nil, nil
  for i = L + C + 1, L + C + X do
    local held = claim(KEYS[k + i], got[i])
    if held and string.sub(held, 9) == ARGV[v + i] then
      released, free = released or {}, free or {}
      released[#released + 1] = KEYS[k + i]
      free[KEYS[k + i]] = true
    end
  end
  for i = L + 1, L + C do
    local held = claim(KEYS[k + i], got[i])
    if held and string.sub(held, 9) ~= ARGV[v + i] and not (free and free[KEYS[k + i]]) then
      return CONFLICT
    end
  end
  k, v = k + L + C + X + T, v + L + C + X
  for i = 1, V do
    local head = rowhead(KEYS[k + i])
    if ARGV[v + i] == '' then -- no row, or a tombstone
      if head ~= '' and string.byte(head, 2) < 2 then
        return CONFLICT
      end
    elseif string.sub(head, 7) ~= ARGV[v + i] then
      return CONFLICT
    end
  end
  return nil, released
end

-- apply notes what the unit, whose LSN is given, changes.
local function apply(kb, a, T, L, C, X, V, W, released, score)
  local v8 = bytes8(lsn)
  local kd = kb + T + L + C + X
  local kw, aw = kd + T + V, a + T + L + C + X + V
  for i = 1, W do
    local key, head = KEYS[kw + i], ARGV[aw + 3] .. v8
    heads[key] = head
    mset[#mset + 1] = key
    mset[#mset + 1] = head .. ARGV[aw + 4]
    local dirty = KEYS[kd + tonumber(ARGV[aw + 1])]
    local z = zadds[dirty]
    if not z then
      z = {}
      zadds[dirty] = z
    end
    z[#z + 1] = score
    z[#z + 1] = ARGV[aw + 2]
    aw = aw + 4
  end
  if released then
    for i = 1, #released do
      claims[released[i]] = false
    end
  end
  for i = 1, C do
    claims[KEYS[kb + T + L + i]] = v8 .. ARGV[a + T + L + i]
  end
  for i = kw + W + 1, kw + W + W + C do
    gone[KEYS[i]] = true
    dels[#dels + 1] = KEYS[i]
  end
end

-- record is the last answer to a writer, as "seq:answer" or false.
local function record(w, writer)
  local r = records[w] and records[w][writer]
  if r == nil then
    r = redis.call('HGET', w, writer)
  end
  return r
end

-- remember notes the answer to a writer's unit.
local function remember(w, writer, rec)
  records[w] = records[w] or {}
  records[w][writer] = rec
  local h = hsets[w]
  if not h then
    h = {}
    hsets[w] = h
  end
  h[#h + 1] = writer
  h[#h + 1] = rec
end

-- unit decides one unit. A repeat gets the first answer, a refusal included:
-- otherwise an attempt that the network held back could be applied after its
-- caller was told no and has tried anew. The record is written again for a
-- repeat so that a WAIT that follows covers the first write.
local function unit(kb, ab)
  local w, writer, seq = KEYS[kb], ARGV[ab + 2], ARGV[ab + 3]
  local rec = record(w, writer)
  if rec then
    local s, answer = string.match(rec, '^(%d+):(-?%d+)$')
    if tonumber(s) == tonumber(seq) then
      remember(w, writer, rec)
      return tonumber(answer)
    end
    if tonumber(s) > tonumber(seq) then
      return SUPERSEDED
    end
  end
  local T, L, C = tonumber(ARGV[ab + 5]), tonumber(ARGV[ab + 6]), tonumber(ARGV[ab + 7])
  local X, V, W = tonumber(ARGV[ab + 8]), tonumber(ARGV[ab + 9]), tonumber(ARGV[ab + 10])
  local a = ab + 11
  local code, released = refused(kb, a, T, L, C, X, V, tonumber(ARGV[ab + 4]))
  if code then
    remember(w, writer, seq .. ':' .. code)
    return code
  end
  local id = dec(lsn + 1)
  local added = redis.pcall('XADD', wal, id .. '-0', 'u', ARGV[ab + 11])
  if type(added) == 'table' and added.err then
    return added
  end
  lsn = lsn + 1
  apply(kb, a, T, L, C, X, V, W, released, id)
  remember(w, writer, seq .. ':' .. id)
  return lsn
end

-- preload reads the records of all units of the call that share a hash.
local function preload()
  local kb, ab, w, fields = 3, 3, KEYS[3], {}
  while ab <= #ARGV do
    if KEYS[kb] == w then
      fields[#fields + 1] = ARGV[ab + 2]
    end
    kb, ab = kb + tonumber(ARGV[ab]), ab + tonumber(ARGV[ab + 1])
  end
  local values = redis.call('HMGET', w, unpack(fields))
  local r = {}
  for i = 1, #fields do
    r[fields[i]] = values[i]
  end
  records[w] = r
end

-- write does what was put off.
local function write()
  if lsn > before then
    redis.call('HSET', meta, 'lsn', dec(lsn))
  end
  for key, value in pairs(claims) do
    if value then
      mset[#mset + 1] = key
      mset[#mset + 1] = value
    else
      dels[#dels + 1] = key
    end
  end
  each(mset, 1, #mset, 'MSET')
  for key, z in pairs(zadds) do
    each(z, 1, #z, 'ZADD', key)
  end
  each(dels, 1, #dels, 'DEL')
  for key, h in pairs(hsets) do
    each(h, 1, #h, 'HSET', key)
  end
end

preload()
local answers = {}
local kb, ab = 3, 3
while ab <= #ARGV do
  -- A unit that fails half way must not take those before it along.
  local ok, answer = pcall(unit, kb, ab)
  if not ok then
    answer = redis.error_reply(type(answer) == 'table' and answer.err or tostring(answer))
  end
  answers[#answers + 1] = answer
  kb, ab = kb + tonumber(ARGV[ab]), ab + tonumber(ARGV[ab + 1])
end
write()
return answers
