-- lock: locks rows and unique values for a transaction, all of them or none,
-- and prolongs its lease.
--
-- KEYS  meta, locks, owners, waits, mark
-- ARGV  incarnation, owner, lease in ms, '1' if the owner may be new, the locks
-- Answer: 1; LOCKED: another transaction has one of them; DEADLOCK: and that
--         one waits, perhaps through others, for this one; SUPERSEDED: the
--         owner's lease has ended; LOST.
--
-- locks is a hash lock -> owner, owners a hash owner -> end of its lease in ms,
-- waits a hash owner -> the owner it waits for. A lock whose owner is not in
-- owners, or there with a lease that has ended, is none. An owner never comes
-- back: its name is used once. mark is there while locks has a field.
if redis.call('HGET', KEYS[1], 'incarnation') ~= ARGV[1] then
  return LOST
end
local me, now = ARGV[2], now_ms()
local mine = redis.call('HGET', KEYS[3], me)
if not mine and ARGV[4] ~= '1' or mine and tonumber(mine) <= now then
  return SUPERSEDED
end
redis.call('HSET', KEYS[3], me, dec(now + tonumber(ARGV[3])))
redis.call('HDEL', KEYS[4], me)

-- waiting reports whether an owner waits, perhaps through others, for this one.
local function waiting(owner)
  for _ = 1, 1000 do
    local next = redis.call('HGET', KEYS[4], owner)
    if not next or not alive(KEYS[3], owner, now) then
      return false
    end
    if next == me then
      return true
    end
    owner = next
  end
  return false
end

for from = 5, #ARGV, SLICE do
  local to = math.min(from + SLICE - 1, #ARGV)
  for _, owner in ipairs(holders(KEYS[2], ARGV, from, to)) do
    if owner ~= me and alive(KEYS[3], owner, now) then
      if waiting(owner) then
        return DEADLOCK
      end
      redis.call('HSET', KEYS[4], me, owner)
      return LOCKED
    end
  end
end
for i = 5, #ARGV do
  redis.call('HSET', KEYS[2], ARGV[i], me)
end
if #ARGV >= 5 then
  redis.call('SET', KEYS[5], '1')
end
return 1
