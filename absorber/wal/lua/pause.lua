-- pause: sets or clears the lane's pause mark.
--
-- KEYS  meta
-- ARGV  incarnation, '0' or '1', channel to wake
-- Answer: 1, or LOST.
if redis.call('HGET', KEYS[1], 'incarnation') ~= ARGV[1] then
  return LOST
end
redis.call('HSET', KEYS[1], 'paused', ARGV[2])
redis.call('PUBLISH', ARGV[3], 'paused')
return 1
