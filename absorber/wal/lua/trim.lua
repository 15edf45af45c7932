-- trim: moves the settled mark and drops the units below it from the WAL.
--
-- KEYS  meta, wal
-- ARGV  incarnation, epoch, upto, most units to drop in this call
-- Answer: 1 if there is more to drop, else 0; SUPERSEDED; or LOST.
local m = redis.call('HMGET', KEYS[1], 'incarnation', 'epoch', 'settled', 'lsn')
local upto = tonumber(ARGV[3])
if m[1] ~= ARGV[1] or upto > tonumber(m[4]) then
  return LOST
end
if tonumber(ARGV[2]) < tonumber(m[2]) then
  return SUPERSEDED
end
if upto > tonumber(m[3]) then
  redis.call('HSET', KEYS[1], 'settled', dec(upto))
end
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)
if #first == 0 then
  return 0
end
local from = tonumber(string.match(first[1][1], '^(%d+)-'))
local to = math.min(upto, from + tonumber(ARGV[4]) - 1)
if from > upto then
  return 0
end
redis.call('XTRIM', KEYS[2], 'MINID', dec(to + 1) .. '-0')
if to < upto then
  return 1
end
return 0
