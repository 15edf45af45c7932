-- join: makes the caller an owner of the table's closed gate, closing it.
--
-- KEYS  meta, table state, gate, set of closed gates
-- ARGV  incarnation, owner, MySQL connection id, lease in ms, window in ms,
--       '1' if the owner holds another gate already, table, channel to wake
-- Answer: state and the LSN to drain to; GATED, LOST, STALE, or SUPERSEDED if
--       the owner's own lease on the gate has ended.
--
-- The window keeps a stream of joiners from holding the gate closed for ever;
-- an owner of another gate may always join, or two could wait for each other.
-- A gate that has just opened rests for a moment, for the same reason (leave).
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
local now, field = now_ms(), 'o:' .. ARGV[2]
if gate == 'o' then
  local rest = redis.call('HGET', KEYS[3], 'rest')
  if rest and tonumber(rest) > now and ARGV[6] ~= '1' then
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
  if not mine and ARGV[6] ~= '1' and age > tonumber(ARGV[5]) then
    return GATED
  end
end
redis.call('HSET', KEYS[3], field, dec(now + tonumber(ARGV[4])) .. ':' .. ARGV[3])
return {inc .. ':' .. gen .. ':' .. gate, redis.call('HGET', KEYS[3], 'to')}
