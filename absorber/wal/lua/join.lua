-- join: makes the caller an owner of the table's closed gate, closing it.
--
-- KEYS  meta, table state, gate, set of closed gates
-- ARGV  incarnation, owner, MySQL connection id, lease in ms, window in ms,
--       how: first, holding (another gate already) or late, table, channel to wake
-- Answer: state and the LSN to drain to; GATED, LOST, STALE, SUPERSEDED if the
--       owner's own lease on the gate has ended, or CONFLICT if who comes late
--       finds it open.
--
-- The window keeps a stream of joiners from holding the gate closed for ever;
-- an owner of another gate may always join, or two could wait for each other.
-- A gate that has just opened rests for a moment, for the same reason (leave).
-- Who comes late has no right of his own to keep the gate (field 'l:'): he may
-- join while somebody has who is not late, in a gate that is shut.

-- prompt reports whether a living owner of the gate has not come late.
local function prompt(key, now)
  local all, late = redis.call('HGETALL', key), {}
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 2) == 'l:' then
      late[string.sub(all[i], 3)] = true
    end
  end
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 2) == 'o:' and not late[string.sub(all[i], 3)] and tonumber(string.match(all[i + 1], '^(%d+):')) > now then
      return true
    end
  end
  return false
end

local m = redis.call('HMGET', KEYS[1], 'incarnation', 'lsn')
if m[1] ~= ARGV[1] then
  return LOST
end
local state = redis.call('GET', KEYS[2])
local inc, gen, gate
if state then
  inc, gen, gate = split(state)
end
if inc ~= ARGV[1] then
  return STALE
end
local now, how, field = now_ms(), ARGV[6], 'o:' .. ARGV[2]
if gate == 'o' and how == 'late' then
  return CONFLICT
elseif gate == 'o' then
  local rest = redis.call('HGET', KEYS[3], 'rest')
  if rest and tonumber(rest) > now and how ~= 'holding' then
    return GATED
  end
  redis.call('DEL', KEYS[3])
  gate = 'c'
  redis.call('SET', KEYS[2], inc .. ':' .. gen .. ':c')
  redis.call('HSET', KEYS[3], 'at', dec(now), 'to', m[2])
  redis.call('SADD', KEYS[4], ARGV[7])
  redis.call('PUBLISH', ARGV[8], 'gate')
else
  local mine = redis.call('HGET', KEYS[3], field)
  if mine and tonumber(string.match(mine, '^(%d+):')) <= now then
    return SUPERSEDED
  end
  local age = now - tonumber(redis.call('HGET', KEYS[3], 'at') or dec(now))
  if not mine and how == 'first' and age > tonumber(ARGV[5]) then
    return GATED
  end
  if not mine and how == 'late' then
    if gate ~= 's' or not prompt(KEYS[3], now) then
      return GATED
    end
    redis.call('HSET', KEYS[3], 'l:' .. ARGV[2], '1')
  end
end
redis.call('HSET', KEYS[3], field, dec(now + tonumber(ARGV[4])) .. ':' .. ARGV[3])
return {inc .. ':' .. gen .. ':' .. gate, redis.call('HGET', KEYS[3], 'to')}
