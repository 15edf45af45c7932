-- recover: makes a lane usable again whose keys are gone or older than MySQL.
--
-- KEYS  meta, wal, where to put what is left of the WAL
-- ARGV  incarnation known to the caller ('' = none), floor, checkpoint,
--       incarnation to make
-- Answer: meta as field, value ...; or CONFLICT: the lane has lost units and
--       still holds others that MySQL does not have, drain them first.
--
-- A lane that is ahead of the checkpoint and of the floor has lost nothing, or
-- another process has recovered it already: it is taken as it is.
local m = redis.call('HMGET', KEYS[1], 'incarnation', 'lsn')
local checkpoint = tonumber(ARGV[3])
local lsn = tonumber(m[2] or '0')
local short = m[1] == ARGV[1] and lsn < tonumber(ARGV[2])
if m[1] and lsn >= checkpoint and not short then
  return redis.call('HGETALL', KEYS[1])
end
if m[1] and lsn > checkpoint then
  return CONFLICT
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('RENAME', KEYS[2], KEYS[3])
end
local at = dec(checkpoint)
redis.call('HSET', KEYS[1], 'incarnation', ARGV[4],
  'lsn', at, 'settled', at, 'relayed', at, 'flush', '0', 'paused', '0', 'epoch', '0')
return redis.call('HGETALL', KEYS[1])
