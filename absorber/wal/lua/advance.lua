-- advance: raises one of the lane's marks (relayed, flush); never lowers it.
--
-- KEYS  meta
-- ARGV  incarnation, field, LSN, channel to wake ('' = none), and of an owner his
--       epoch
-- Answer: 1, SUPERSEDED if the lane was fenced off from him (open.lua), or LOST.
if redis.call('HGET', KEYS[1], 'incarnation') ~= ARGV[1] then
  return LOST
end
local now = redis.call('HMGET', KEYS[1], ARGV[2], 'lsn', 'fence')
if ARGV[5] and tonumber(ARGV[5]) < tonumber(now[3] or '0') then
  return SUPERSEDED
end
if tonumber(ARGV[3]) > tonumber(now[2]) then
  return LOST
end
if tonumber(now[1]) < tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
  if ARGV[4] ~= '' then
    redis.call('PUBLISH', ARGV[4], ARGV[2])
  end
end
return 1
