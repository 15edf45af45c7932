-- owner: takes, extends or gives up the ownership of a lane.
--
-- KEYS  owner
-- ARGV  'take', 'renew' or 'release', owner, TTL in ms
-- Answer: 1 if the lane is (or was) the caller's, else 0.
local verb, now = ARGV[1], redis.call('GET', KEYS[1])
if now ~= ARGV[2] and (now or verb ~= 'take') then
  return 0
end
if verb == 'release' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
