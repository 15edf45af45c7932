-- locked: looks whether a transaction has one of some locks.
--
-- KEYS  locks, owners
-- ARGV  the locks
-- Answer: 1, or LOCKED.
local now = now_ms()
for from = 1, #ARGV, SLICE do
  for _, owner in ipairs(holders(KEYS[1], ARGV, from, math.min(from + SLICE - 1, #ARGV))) do
    if alive(KEYS[2], owner, now) then
      return LOCKED
    end
  end
end
return 1
