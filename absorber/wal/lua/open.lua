-- open: the lane's meta, made if absent.
--
-- KEYS  meta
-- ARGV  incarnation known to the caller ('' = none), highest LSN that the caller
--       was told of, LSN that MySQL or the queue have, incarnation to make,
--       the caller's name, run of Redis in which it last had the lane open ('' =
--       none), highest LSN it acknowledged on Redis' word alone, how long a roll
--       call takes at least (ms), epoch below which MySQL takes nothing more from
--       owners of the lane ('' = not known yet, '0' = nobody drains it), the run of
--       Redis for which it was raised, the processes that are alive ...
-- Answer: meta as field, value ...; or LOST; or ROLL and those who have not been
--       heard yet; or FENCE, this run, and an epoch that the fence's has to exceed:
--       all have, and before the call ends it has to be made sure of that nothing is
--       in flight, and that MySQL and the queue know of nothing that is not here.
--
-- A caller that has seen the lane further than it is leaves word of it ('told')
-- for whoever drains the lane and has seen less.
--
-- Redis may have come up again without the last units. Whoever looks first need
-- not have seen them, and his commits would be given their LSNs: so nobody
-- commits in a new run of Redis ('run') before everybody alive has said how far
-- he saw the lane. 'cut' is where it ended then. Who was silent for so long that
-- he was not asked finds here what of his is gone. He may have been draining it:
-- what he has in flight would move the checkpoint over units that are given the
-- same LSNs. So it is ended in MySQL first. Nor is what he has given, or gives, to
-- the queue the lane's: 'refused' lists the restarts of Redis, each the LSN above
-- which a record is refused if it was published under an epoch before the one
-- behind the colon: the last 64 at which the lane had got further, for MySQL, too,
-- may go back to before what is settled, and the queue's records are read again.
local inc = redis.call('HGET', KEYS[1], 'incarnation')
local run = serverrun()
if ARGV[1] == '' and not inc then
  redis.call('HSET', KEYS[1], 'incarnation', ARGV[4], 'run', run, 'cut', '0',
    'lsn', '0', 'settled', '0', 'relayed', '0', 'flush', '0', 'paused', '0', 'epoch', '0')
  return redis.call('HGETALL', KEYS[1])
end
if ARGV[1] ~= '' and inc ~= ARGV[1] or redis.call('HGET', KEYS[1], 'sealed') == '1' then
  return LOST -- or somebody is about to rebuild it
end
local m = redis.call('HMGET', KEYS[1], 'lsn', 'told', 'run', 'cut', 'roll', 'roll_began', 'epoch', 'refused')
local lsn, seen, least = tonumber(m[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local agreed = run == '' or m[3] == run
local late = agreed and ARGV[6] ~= '' and m[3] and ARGV[6] ~= m[3]
if late then
  local cut, acked = tonumber(m[4]), tonumber(ARGV[7])
  if acked > cut then
    local before = redis.call('HMGET', KEYS[1], 'replaced_after', 'replaced_to')
    if before[1] ~= m[4] or tonumber(before[2]) < acked then
      redis.call('HSET', KEYS[1], 'replaced_after', m[4], 'replaced_to', ARGV[7])
    end
  end
  seen = 0 -- of another branch
end
if lsn < math.max(seen, least) then
  local missed = math.max(seen, least)
  if tonumber(m[2] or '0') < missed then
    redis.call('HSET', KEYS[1], 'told', dec(missed))
  end
  return LOST
end
if agreed then
  return redis.call('HGETALL', KEYS[1])
end

local now = now_ms()
if m[5] ~= run then
  local fields = redis.call('HKEYS', KEYS[1])
  for i = 1, #fields do
    if string.sub(fields[i], 1, 6) == 'heard:' then
      redis.call('HDEL', KEYS[1], fields[i])
    end
  end
  redis.call('HSET', KEYS[1], 'roll', run, 'roll_began', dec(now))
  m[6] = dec(now)
end
redis.call('HSET', KEYS[1], 'heard:' .. ARGV[5], '1')
local answer, heard = {ROLL}, {'roll', 'roll_began', 'heard:' .. ARGV[5]}
for i = 11, #ARGV do
  local field = 'heard:' .. ARGV[i]
  if redis.call('HEXISTS', KEYS[1], field) == 0 then
    answer[#answer + 1] = ARGV[i]
  end
  heard[#heard + 1] = field
end
if #answer > 1 or now - tonumber(m[6]) < tonumber(ARGV[8]) then
  return answer
end
if lsn < tonumber(m[2] or '0') then
  return LOST
end
local refused = {}
for above, before in string.gmatch(m[8] or '', '(%d+):(%d+)') do
  refused[#refused + 1] = {above, before}
end
if ARGV[9] == '' or ARGV[10] ~= run then
  local before = math.max(tonumber(m[7]), #refused > 0 and tonumber(refused[#refused][2]) or 0)
  return {FENCE, run, dec(before)}
end
if ARGV[9] ~= '0' then
  if #refused > 0 and refused[#refused][1] == m[1] then
    table.remove(refused) -- the later says all
  end
  refused[#refused + 1] = {m[1], ARGV[9]}
  redis.call('HSET', KEYS[1], 'fence', ARGV[9])
end
if #refused > 64 then
  table.remove(refused, 1)
end
for i = 1, #refused do
  refused[i] = refused[i][1] .. ':' .. refused[i][2]
end
redis.call('HSET', KEYS[1], 'run', run, 'cut', m[1], 'refused', table.concat(refused, ' '))
redis.call('HDEL', KEYS[1], unpack(heard))
return redis.call('HGETALL', KEYS[1])
