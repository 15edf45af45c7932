-- relock: prolongs the leases of transactions.
--
-- KEYS  owners
-- ARGV  lease in ms, the owners
-- Answer: 1 for each, or 0 if its lease has ended.
local now = now_ms()
local answers = {}
for i = 2, #ARGV do
  answers[i - 1] = 0
  if alive(KEYS[1], ARGV[i], now) then
    redis.call('HSET', KEYS[1], ARGV[i], dec(now + tonumber(ARGV[1])))
    answers[i - 1] = 1
  end
end
return answers
