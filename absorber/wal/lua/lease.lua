-- lease: reads values (rows or claims) again and takes a lease for each miss.
--
-- KEYS  table state, lane marks, n values, n leases
-- ARGV  expected state without its gate, token, TTL in ms
-- Answer: the state, the LSN that MySQL must have reached, then value or nil
-- and lease or nil for each.
--
-- A second reader gets the token that is there: it says that nobody has
-- written since it was made, and each reader asks MySQL after that.
local state = redis.call('GET', KEYS[1])
local answer = {state}
if not state or string.sub(state, 1, -2) ~= ARGV[1] or string.sub(state, -1) == 's' then
  return answer
end
-- What is not here is in MySQL once that has every settled unit. At the begin
-- of a lane's new life that is what was drained of the old one.
local m = redis.call('HMGET', KEYS[2], 'settled', 'start', 'lost_after')
answer[2] = m[1] ~= m[2] and m[1] or m[3] or '0'
local n = (#KEYS - 2) / 2
local values = mget(KEYS, 3, n + 2)
for i = 1, n do
  local lease = false
  if not values[i] then
    local key = KEYS[n + 2 + i]
    lease = redis.call('GET', key)
    if lease then
      redis.call('PEXPIRE', key, ARGV[3])
    else
      lease = ARGV[2]
      redis.call('SET', key, lease, 'PX', ARGV[3])
    end
  end
  answer[i * 2 + 1] = values[i]
  answer[i * 2 + 2] = lease
end
return answer
