-- open: the lane's meta, made if absent.
--
-- KEYS  meta
-- ARGV  incarnation known to the caller ('' = none), floor, incarnation to make
-- Answer: meta as field, value ...; or LOST.
--
-- A caller that has seen the lane further than it is leaves word of it ('told')
-- for whoever drains the lane and has seen less.
local inc = redis.call('HGET', KEYS[1], 'incarnation')
if ARGV[1] ~= '' then
  if inc ~= ARGV[1] then
    return LOST
  end
  local m = redis.call('HMGET', KEYS[1], 'lsn', 'told')
  if tonumber(m[1]) < tonumber(ARGV[2]) then
    if tonumber(m[2] or '0') < tonumber(ARGV[2]) then
      redis.call('HSET', KEYS[1], 'told', ARGV[2])
    end
    return LOST
  end
elseif not inc then
  redis.call('HSET', KEYS[1], 'incarnation', ARGV[3],
    'lsn', '0', 'settled', '0', 'relayed', '0', 'flush', '0', 'paused', '0', 'epoch', '0')
end
return redis.call('HGETALL', KEYS[1])
