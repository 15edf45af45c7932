-- locked: looks whether a transaction has one of some locks.
--
-- KEYS  locks, owners
-- ARGV  the locks, each behind 'x', or 's' if owners who share it do no harm
-- Answer: 1, or LOCKED.
local now, names = now_ms(), {}
for i = 1, #ARGV do
  names[i] = string.sub(ARGV[i], 2)
end
for from = 1, #names, SLICE do
  for i, value in ipairs(lockvalues(KEYS[1], names, from, math.min(from + SLICE - 1, #names))) do
    if value and barredby(KEYS[2], value, '', string.byte(ARGV[from + i - 1]) == 120, now) then
      return LOCKED
    end
  end
end
return 1
