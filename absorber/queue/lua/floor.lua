-- Sets the floor. KEYS: the lane's stream, its hash {top, floor}.
-- ARGV: the LSN; 'up' to drop what is below it, 'down' to need it again.
local floor = tonumber(redis.call('HGET', KEYS[2], 'floor') or '0')
local to = tonumber(ARGV[1])
if ARGV[2] == 'down' then
  if to < floor then
    redis.call('HSET', KEYS[2], 'floor', ARGV[1])
  end
  return 0
end
if to > floor then
  redis.call('HSET', KEYS[2], 'floor', ARGV[1])
end
-- MINID keeps ids that are not below it; "<lsn>-1" is above "<lsn>-0".
return redis.call('XTRIM', KEYS[1], 'MINID', '=', ARGV[1] .. '-1')
