-- open: the lane's meta, made if absent.
--
-- KEYS  meta
-- ARGV  incarnation known to the caller ('' = none), floor, incarnation to make
-- Answer: meta as field, value ...; or LOST.
local inc = redis.call('HGET', KEYS[1], 'incarnation')
if ARGV[1] ~= '' then
  if inc ~= ARGV[1] or tonumber(redis.call('HGET', KEYS[1], 'lsn')) < tonumber(ARGV[2]) then
    return LOST
  end
elseif not inc then
  redis.call('HSET', KEYS[1], 'incarnation', ARGV[3],
    'lsn', '0', 'settled', '0', 'relayed', '0', 'flush', '0', 'paused', '0', 'epoch', '0')
end
return redis.call('HGETALL', KEYS[1])
