-- seal: stops all commits to a lane that has lost units and still holds others,
-- by giving it an incarnation that nobody knows but the caller.
--
-- KEYS  meta
-- ARGV  incarnation as it was seen, incarnation to make
-- Answer: meta as field, value ...; or CONFLICT: it is another by now.
if redis.call('HGET', KEYS[1], 'incarnation') ~= ARGV[1] then
  return CONFLICT
end
redis.call('HSET', KEYS[1], 'incarnation', ARGV[2], 'sealed', '1')
return redis.call('HGETALL', KEYS[1])
