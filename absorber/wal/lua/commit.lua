-- commit: gives each unit of the call the lane's next LSN, or refuses it whole.
--
-- KEYS  meta, wal, writer hash, locks, owners of locks, mark of locks, states (E),
--       dirty zsets (E), hashes of what is touched (E), counters (H), rows written that must not be there (F),
--       the other rows written (G); then for each unit:
--       read leases (L), claims (C), releases (X), rows read (V),
--       leases to drop (W+C)
-- ARGV  incarnation, floor, E, H, F, G, number of units, E expected states,
--       the units' writers; then for each unit:
--       head, seq, data, L tokens, C owners, X owners,
--       V versions ('' = no row or a tombstone, '+' = any row, '*' and the
--       last LSN that may have touched a table: then the key is the table's
--       hash of what is touched), W times (write, image), of a transaction the owner of
--       its locks
--       head: 1 of a transaction, else 0 (1 byte), T (2), L, C, X, V, W (3
--             bytes each), max backlog (8),
--             T times the number of a state (2), then for each
--             AUTO_INCREMENT value that the unit brings along: number of the
--             counter (2), of its table's state (2), the value (8)
--       write: number of the dirty zset (2), where the row's own key begins in
--             its key (2), number of that key in KEYS (3), what must be there
--             (1: 0 anything, 1 no row or a tombstone, 2 the version), the
--             value's head (6), version (8), then the positions of the
--             columns that an UPDATE changes (2 each), none for any other write
-- Answer: one number for each unit, its LSN or a refusal, or an error reply;
--       or LOST alone.
--
-- A unit is validated before its first write, and XADD, the only write that
-- can be refused (memory, an id below the top), is the first. All other writes
-- are put off to the end of the call, where one command serves all units; what
-- they will change is seen by the units behind through the tables below.
--
-- What is touched of a table are the last LSNs at which a row came or went
-- (field ''), a column of a row changed (its position, 2 bytes, and the version of
-- the definition, 4), any of that happened
-- ('*'), and the last before the hash began ('^'): what is pending of before
-- that may have touched anything.
--
-- A unit that writes a row, or takes or gives up a unique value, which a living
-- transaction has locked is refused unless it is that transaction's own; and a
-- transaction whose lease has ended commits nothing. Its commit ends its owner,
-- and with it all its locks; those on what it has written are taken away.
local byte, sub = string.byte, string.sub
local meta, wal, writers, locks, lockers = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local K = 6 -- the keys above, and the mark of locks
local m = redis.call('HMGET', meta, 'incarnation', 'lsn', 'settled')
if m[1] ~= ARGV[1] or tonumber(m[2]) < tonumber(ARGV[2]) then
  return LOST
end
local lsn, settled = tonumber(m[2]), tonumber(m[3])
local before = lsn
local E, H, F, G, N = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local A = 7 -- the numbers above

local heads = {}   -- row key -> value, of rows written in this call
local claims = {}  -- claim key -> value, false if released in this call
local gone = {}    -- lease key -> true if dropped in this call
local records = {} -- writer -> "seq:answer" before the call, or of this call
local answered = {} -- writer -> "seq:answer" of this call
local mset, dels, zadds = {}, {}, {} -- what is put off
local sets, drops = 0, 0 -- their lengths

-- What is read for all units at once: why a state keeps a unit from its table,
-- the rows that must not be there, and the writers' last answers.
local closed = {}
do
  local states = mget(KEYS, K + 1, K + E)
  for e = 1, E do
    local is, want = states[e], ARGV[A + e]
    if is ~= want then
      closed[e] = STALE
      if is and sub(is, 1, -2) == sub(want, 1, -2) then
        closed[e] = GATED
      end
    end
  end
  local answers = redis.call('HMGET', writers, unpack(ARGV, A + 1 + E, A + E + N))
  for i = 1, N do
    records[ARGV[A + E + i]] = answers[i]
  end
end
local counters, counters0 = {}, K + 3 * E -- number -> counter, as the units before have left it
local raised = {} -- number -> true if this call has raised it
local fresh, fresh0 = mget(KEYS, K + 1 + 3 * E + H, K + 3 * E + H + F), K + 3 * E + H

local locking = redis.call('EXISTS', locks) == 1 -- somebody has locks
local now -- ms, once it is needed

-- locknames are the locks on what a unit writes: its rows, and the unique values
-- KEYS[kc + 1..kc + C].
local function locknames(kc, C, aw, W)
  local names = {}
  for i = 1, C do
    names[i] = KEYS[kc + i]
  end
  for i = 0, W - 1 do
    local k1, k2, k3 = byte(ARGV[aw + 2 * i], 5, 7)
    names[C + 1 + i] = KEYS[k1 * 65536 + k2 * 256 + k3]
  end
  return names
end

-- unlock ends an owner, and takes away those of its locks that are named.
local function unlock(owner, names)
  redis.call('HDEL', lockers, owner)
  each(names, 1, #names, 'HDEL', locks)
  if redis.call('EXISTS', locks) == 0 then
    redis.call('DEL', KEYS[6])
    locking = false
  end
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

-- held finds what of a unit's leases and claims does not hold, or nil and the
-- releases that do.
local function held(kb, a, L, C, X)
  local got = mget(KEYS, kb + 1, kb + L + C + X)
  for i = 1, L do
    if got[i] ~= ARGV[a + i] or gone[KEYS[kb + i]] then
      return CONFLICT
    end
  end
  local released, free = nil, nil
  for i = L + C + 1, L + C + X do
    local is = claim(KEYS[kb + i], got[i])
    if is and sub(is, 9) == ARGV[a + i] then
      released, free = released or {}, free or {}
      released[#released + 1] = KEYS[kb + i]
      free[KEYS[kb + i]] = true
    end
  end
  for i = L + 1, L + C do
    local is = claim(KEYS[kb + i], got[i])
    if is and sub(is, 9) ~= ARGV[a + i] and not (free and free[KEYS[kb + i]]) then
      return CONFLICT
    end
  end
  return nil, released
end

-- lastdirty is the last LSN among the dirty rows of a table. There even a process
-- of a version that notes nothing of what it touches leaves its mark.
local function lastdirty(e)
  return tonumber(redis.call('ZRANGE', KEYS[K + E + e], -1, -1, 'WITHSCORES')[2] or '0')
end

-- since reports whether the last LSN that may have touched a table is another one.
local function since(key, upto)
  for e = 1, E do
    if KEYS[K + 2 * E + e] == key then
      local last = math.max(tonumber(redis.call('HGET', key, '*') or '0'), lastdirty(e))
      return (zadds[e] and tonumber(zadds[e].touched['*']) or last) ~= upto
    end
  end
  return true
end

-- changed reports whether a row, or a table, is not what was read.
local function changed(kb, a, V, aw, W)
  for i = 1, V do
    local want = ARGV[a + i]
    local head = sub(want, 1, 1) ~= '*' and rowhead(KEYS[kb + i])
    if not head then
      if since(KEYS[kb + i], tonumber(sub(want, 2))) then
        return true
      end
    elseif want == '' then -- no row, or a tombstone
      if head ~= '' and byte(head, 2) < 2 then
        return true
      end
    elseif want == '+' then -- any version of a row
      if head == '' or byte(head, 2) >= 2 then
        return true
      end
    elseif sub(head, 7, 14) ~= want then
      return true
    end
  end
  for i = aw, aw + 2 * W - 2, 2 do
    local k1, k2, k3, want = byte(ARGV[i], 5, 8)
    local k = k1 * 65536 + k2 * 256 + k3
    if want == 1 then
      local head = heads[KEYS[k]] or fresh[k - fresh0]
      if head and byte(head, 2) < 2 then
        return true
      end
    elseif want == 2 and sub(rowhead(KEYS[k]), 7, 14) ~= sub(ARGV[i], 15, 22) then
      return true
    end
  end
  return false
end

-- seeded reports whether the counters behind a unit's head are there.
local function seeded(head, from)
  for i = from, #head, 12 do
    local h1, h2, e1, e2 = byte(head, i, i + 3)
    local h = h1 * 256 + h2
    if not counters[h] then
      local _, gen = split(ARGV[A + e1 * 256 + e2])
      counters[h] = counter(redis.call('GET', KEYS[counters0 + h]), gen)
    end
    if not counters[h] then
      return false
    end
  end
  return true
end

-- raise pushes the counters above the values of a unit.
local function raise(head, from)
  for i = from, #head, 12 do
    local h1, h2 = byte(head, i, i + 1)
    local h = h1 * 256 + h2
    local c = counters[h]
    local value = number8(sub(head, i + 4, i + 11))
    if pass(c, value, above(c, value, 1)) then
      raised[h] = true
    end
  end
end

-- apply notes what the unit, whose LSN is given, changes.
local function apply(kb, a, kc, C, kd, aw, W, released, id)
  local v8 = bytes8(lsn)
  for i = aw, aw + 2 * W - 2, 2 do
    local w = ARGV[i]
    local e1, e2, o1, o2, k1, k2, k3 = byte(w, 1, 7)
    local key, value = KEYS[k1 * 65536 + k2 * 256 + k3], sub(w, 9, 14) .. v8 .. ARGV[i + 1]
    heads[key] = value
    mset[sets + 1], mset[sets + 2] = key, value
    sets = sets + 2
    local e = e1 * 256 + e2
    local z = zadds[e]
    if not z then
      z = {n = 0, touched = {}}
      zadds[e] = z
    end
    z[z.n + 1], z[z.n + 2] = id, sub(key, o1 * 256 + o2)
    z.n = z.n + 2
    touch(z.touched, w, id)
  end
  if released then
    for i = 1, #released do
      claims[released[i]] = false
    end
  end
  for i = 1, C do
    claims[KEYS[kc + i]] = v8 .. ARGV[a + i]
  end
  for i = kd + 1, kd + W + C do
    gone[KEYS[i]] = true
    drops = drops + 1
    dels[drops] = KEYS[i]
  end
end

-- remember notes the answer to a writer's unit.
local function remember(writer, rec)
  records[writer], answered[writer] = rec, rec
end

-- unit decides one unit, whose head, seq and data are ARGV[a + 1] to a + 3 and
-- whose keys begin behind kb. A repeat gets the first answer, a refusal
-- included: otherwise an attempt that the network held back could be applied
-- after its caller was told no and has tried anew. The record is written again
-- for a repeat so that a WAIT that follows covers the first write.
local function unit(writer, kb, a, T, L, C, X, V, W, owner)
  local head, seq, rec = ARGV[a + 1], ARGV[a + 2], records[writer]
  if rec then
    local colon = string.find(rec, ':', 1, true)
    local last, this = tonumber(sub(rec, 1, colon - 1)), tonumber(seq)
    if last == this then
      remember(writer, rec)
      return tonumber(sub(rec, colon + 1))
    end
    if last > this then
      return SUPERSEDED
    end
  end
  local kr, ar = kb + L + C + X, a + 3 + L + C + X
  local code, released
  local names
  if owner ~= '' or locking then
    now, names = now or now_ms(), locknames(kb + L, C + X, ar + V + 1, W)
    if owner ~= '' and not alive(lockers, owner, now) then
      code = UNLOCKED
    elseif locking and barred(locks, lockers, names, owner, now) then
      code = LOCKED
    end
  end
  local backlog = number8(sub(head, 19, 26))
  if backlog > 0 and lsn - settled >= backlog then
    code = code or FULL
  end
  for i = 27, 25 + 2 * T, 2 do
    local e1, e2 = byte(head, i, i + 1)
    code = code or closed[e1 * 256 + e2]
  end
  if not code and L + C + X > 0 then
    code, released = held(kb, a + 3, L, C, X)
  end
  if not code and changed(kr, ar, V, ar + V + 1, W) then
    code = CONFLICT
  end
  if not code and not seeded(head, 27 + 2 * T) then
    code = UNSEEDED
  end
  if code then
    remember(writer, seq .. ':' .. code)
    return code
  end
  local id = dec(lsn + 1)
  local added = redis.pcall('XADD', wal, id .. '-0', 'u', ARGV[a + 3])
  if type(added) == 'table' and added.err then
    return added
  end
  lsn = lsn + 1
  if owner ~= '' then
    unlock(owner, names)
  end
  apply(kb, a + 3 + L, kb + L, C, kr + V, ar + V + 1, W, released, id)
  raise(head, 27 + 2 * T)
  remember(writer, seq .. ':' .. id)
  return lsn
end

-- write does what was put off.
local function write()
  if lsn > before then
    redis.call('HSET', meta, 'lsn', dec(lsn))
  end
  for key, value in pairs(claims) do
    if value then
      mset[sets + 1], mset[sets + 2] = key, value
      sets = sets + 2
    else
      drops = drops + 1
      dels[drops] = key
    end
  end
  for h in pairs(raised) do
    mset[sets + 1], mset[sets + 2] = KEYS[counters0 + h], countertext(counters[h])
    sets = sets + 2
  end
  each(mset, 1, sets, 'MSET')
  for e, z in pairs(zadds) do
    local key = KEYS[K + 2 * E + e]
    local noted, dirty = redis.call('HGET', key, '*'), lastdirty(e)
    if not noted then
      z.touched['^'] = dec(before)
    elseif dirty > tonumber(noted) and not z.touched[''] then
      z.touched[''] = dec(dirty)
    end
    each(z, 1, z.n, 'ZADD', KEYS[K + E + e])
    hset(key, z.touched)
  end
  each(dels, 1, drops, 'DEL')
  hset(writers, answered)
end

local answers = {}
local a, kb = A + E + N, K + 3 * E + H + F + G
for i = 1, N do
  local t1, t2, t3, l1, l2, l3, c1, c2, c3, x1, x2, x3, v1, v2, v3, w1, w2, w3 = byte(ARGV[a + 1], 1, 18)
  local T, L, C = t2 * 256 + t3, l1 * 65536 + l2 * 256 + l3, c1 * 65536 + c2 * 256 + c3
  local X, V, W = x1 * 65536 + x2 * 256 + x3, v1 * 65536 + v2 * 256 + v3, w1 * 65536 + w2 * 256 + w3
  -- A unit that fails half way must not take those before it along.
  local last = a + 3 + L + C + X + V + 2 * W
  local owner = t1 == 1 and ARGV[last + 1] or ''
  local ok, answer = pcall(unit, ARGV[A + E + i], kb, a, T, L, C, X, V, W, owner)
  if not ok then
    answer = redis.error_reply(type(answer) == 'table' and answer.err or tostring(answer))
  end
  answers[i] = answer
  kb, a = kb + L + C + X + V + W + C, last + t1
end
write()
return answers
