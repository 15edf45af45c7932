-- commit: gives each unit of the call the lane's next LSN, or refuses it whole.
--
-- KEYS  meta, wal, then for each unit:
--       writer hash | states (T), read leases (L), claims (C), releases (X) |
--       dirty zsets (T), rows read (V), rows written (W), leases to drop (W+C)
-- ARGV  incarnation, floor, then for each unit:
--       keys, args (their number, this unit), writer, seq, max backlog,
--       T, L, C, X, V, W, data | T expected states | L tokens | C owners |
--       X owners | V versions ('' = no row or a tombstone) | W times (table index, key, head, image)
-- Answer: one number for each unit, its LSN or a refusal, or an error reply;
--       or LOST alone.
--
-- Everything is validated before the first write, and XADD, the only write
-- that can be refused (memory, an id below the top), is the first.
local meta, wal = KEYS[1], KEYS[2]
local m = redis.call('HMGET', meta, 'incarnation', 'lsn', 'settled')
if m[1] ~= ARGV[1] or tonumber(m[2]) < tonumber(ARGV[2]) then
  return LOST
end
local lsn, settled = tonumber(m[2]), tonumber(m[3])

-- refused finds a cause not to apply the unit, or nil and the releases that hold.
local function refused(kb, a, T, L, C, X, V, backlog)
  if backlog > 0 and lsn - settled >= backlog then
    return FULL
  end
  local got = mget(KEYS, kb + 1, kb + T + L + C + X)
  for i = 1, T do
    local want = ARGV[a + i]
    if got[i] ~= want then
      if got[i] and string.sub(got[i], 1, -2) == string.sub(want, 1, -2) then
        return GATED
      end
      return STALE
    end
  end
  for i = T + 1, T + L do
    if got[i] ~= ARGV[a + i] then
      return CONFLICT
    end
  end
  local released, free = {}, {}
  for i = T + L + C + 1, T + L + C + X do
    if got[i] and string.sub(got[i], 9) == ARGV[a + i] then
      released[#released + 1] = KEYS[kb + i]
      free[KEYS[kb + i]] = true
    end
  end
  for i = T + L + 1, T + L + C do
    if got[i] and string.sub(got[i], 9) ~= ARGV[a + i] and not free[KEYS[kb + i]] then
      return CONFLICT
    end
  end
  local kv, av = kb + T + L + C + X + T, a + T + L + C + X
  for i = 1, V do
    local head = redis.call('GETRANGE', KEYS[kv + i], 0, 13)
    if ARGV[av + i] == '' then -- no row, or a tombstone
      if head ~= '' and string.byte(head, 2) < 2 then
        return CONFLICT
      end
    elseif string.sub(head, 7) ~= ARGV[av + i] then
      return CONFLICT
    end
  end
  return nil, released
end

local function apply(kb, a, T, L, C, X, V, W, released)
  local v8 = bytes8(lsn)
  local kd = kb + T + L + C + X
  local kw, aw = kd + T + V, a + T + L + C + X + V
  local score = dec(lsn)
  for i = 1, W do
    redis.call('SET', KEYS[kw + i], ARGV[aw + 3] .. v8 .. ARGV[aw + 4])
    redis.call('ZADD', KEYS[kd + tonumber(ARGV[aw + 1])], score, ARGV[aw + 2])
    aw = aw + 4
  end
  delete(released, 1, #released)
  for i = 1, C do
    redis.call('SET', KEYS[kb + T + L + i], v8 .. ARGV[a + T + L + i])
  end
  delete(KEYS, kw + W + 1, kw + W + W + C)
end

-- unit decides one unit. A repeat gets the first answer, a refusal included:
-- otherwise an attempt that the network held back could be applied after its
-- caller was told no and has tried anew. The record is written again for a
-- repeat so that a WAIT that follows covers the first write.
local function unit(kb, ab)
  local w, writer, seq = KEYS[kb], ARGV[ab + 2], ARGV[ab + 3]
  local rec = redis.call('HGET', w, writer)
  if rec then
    local s, answer = string.match(rec, '^(%d+):(-?%d+)$')
    if tonumber(s) == tonumber(seq) then
      redis.call('HSET', w, writer, rec)
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
    redis.call('HSET', w, writer, seq .. ':' .. code)
    return code
  end
  local id = dec(lsn + 1)
  local added = redis.pcall('XADD', wal, id .. '-0', 'u', ARGV[ab + 11])
  if type(added) == 'table' and added.err then
    return added
  end
  lsn = lsn + 1
  redis.call('HSET', meta, 'lsn', id)
  apply(kb, a, T, L, C, X, V, W, released)
  redis.call('HSET', w, writer, seq .. ':' .. id)
  return lsn
end

local answers = {}
local kb, ab = 3, 3
while ab <= #ARGV do
  answers[#answers + 1] = unit(kb, ab)
  kb, ab = kb + tonumber(ARGV[ab]), ab + tonumber(ARGV[ab + 1])
end
return answers
