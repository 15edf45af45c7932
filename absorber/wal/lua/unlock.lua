-- unlock: ends a transaction's locks. It may be repeated, and may come after
-- the commit script has ended the owner.
--
-- KEYS  locks, owners, waits, mark
-- ARGV  owner, its locks
-- Answer: 1.
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
for i = 2, #ARGV do
  local value = redis.call('HGET', KEYS[1], ARGV[i])
  if value then
    local owners, shared, first = apart(value)
    local left = {}
    for _, owner in ipairs(owners) do
      if owner ~= ARGV[1] then
        left[#left + 1] = owner
      end
    end
    if #left == 0 then
      redis.call('HDEL', KEYS[1], ARGV[i])
    elseif #left < #owners then
      redis.call('HSET', KEYS[1], ARGV[i], together(left, first))
    end
  end
end
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[4])
end
return 1
