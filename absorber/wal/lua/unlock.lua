-- unlock: ends a transaction's locks. It may be repeated, and may come after
-- the commit script has ended the owner.
--
-- KEYS  locks, owners, waits, mark
-- ARGV  owner, its locks
-- Answer: 1.
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
for i = 2, #ARGV do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[1] then
    redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[4])
end
return 1
