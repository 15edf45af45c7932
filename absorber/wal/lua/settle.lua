-- settle: turns rows that MySQL has clean, and drops claims it can answer for.
--
-- KEYS  meta, T states, T dirty zsets, R rows, R row leases, C claims
-- ARGV  incarnation, epoch, upto, T, R, C, T expected states without gate,
--       R times (table index, key, TTL in ms)
-- Answer: 1; STALE if a table's generation is another; SUPERSEDED if a later
--       epoch has settled; or LOST.
--
-- A row written again after upto keeps its version and stays dirty. TTL 0
-- drops the row whether or not it was dirty, and its lease with it, so that a
-- reader who asked MySQL before cannot bring it back.
local T, R, C = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local m = redis.call('HMGET', KEYS[1], 'incarnation', 'epoch', 'lsn')
local upto = tonumber(ARGV[3])
if m[1] ~= ARGV[1] or upto > tonumber(m[3]) then
  return LOST
end
if tonumber(ARGV[2]) < tonumber(m[2]) then
  return SUPERSEDED
end
if T > 0 then
  local states = mget(KEYS, 2, T + 1)
  for i = 1, T do
    if not states[i] or string.sub(states[i], 1, -2) ~= ARGV[6 + i] then
      return STALE
    end
  end
end
if tonumber(ARGV[2]) > tonumber(m[2]) then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[2])
end

local a = 6 + T
for i = 1, R do
  local key, lease = KEYS[1 + T + T + i], KEYS[1 + T + T + R + i]
  local zset, member, ttl = KEYS[1 + T + tonumber(ARGV[a + 1])], ARGV[a + 2], ARGV[a + 3]
  a = a + 3
  local head = redis.call('GETRANGE', key, 0, 13)
  local flags = string.byte(head, 2)
  local newer = false
  if not flags then
    newer = tonumber(redis.call('ZSCORE', zset, member) or '0') > upto
  elseif flags % 2 == 1 then
    newer = number8(string.sub(head, 7, 14)) > upto
    if not newer and flags < 2 and ttl ~= '0' then
      redis.call('SETRANGE', key, 1, string.char(flags - 1))
      redis.call('PEXPIRE', key, ttl)
    end
  end
  if not newer then
    if ttl == '0' or (flags and flags >= 2) then
      redis.call('DEL', key, lease)
    end
    redis.call('ZREM', zset, member)
  end
end

for i = 1, C do
  local key = KEYS[1 + T + T + R + R + i]
  local claim = redis.call('GETRANGE', key, 0, 7)
  if #claim == 8 and number8(claim) <= upto then
    redis.call('DEL', key)
  end
end
return 1
