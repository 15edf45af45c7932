-- rebuild: begins a new life of a lane that Redis has lost, or of which it has
-- lost units. MySQL has everything of the life before that is left.
--
-- KEYS  meta, wal, where to put what is left of the WAL
-- ARGV  incarnation as it was seen ('' = none), LSN up to which MySQL has the
--       life before, last LSN that was acknowledged in it, LSN to begin with,
--       incarnation to make, records of the queue that are refused, the epoch that
--       may publish (open.lua): they are of this life's, too
-- Answer: meta as field, value ...; or CONFLICT: the lane is another by now.
if (redis.call('HGET', KEYS[1], 'incarnation') or '') ~= ARGV[1] then
  return CONFLICT
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('RENAME', KEYS[2], KEYS[3])
end
local paused = redis.call('HGET', KEYS[1], 'paused') or '0'
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'incarnation', ARGV[5],
  'lsn', ARGV[4], 'settled', ARGV[4], 'relayed', ARGV[4], 'flush', '0', 'paused', paused, 'epoch', '0',
  'start', ARGV[4], 'lost_after', ARGV[2], 'lost_to', ARGV[3], 'run', serverrun(), 'cut', ARGV[4],
  'refused', ARGV[6], 'fence', ARGV[7])
return redis.call('HGETALL', KEYS[1])
