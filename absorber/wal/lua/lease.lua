-- lease: reads values (rows or claims) again and takes a lease for each miss.
--
-- KEYS  table state, n values, n leases
-- ARGV  expected state without its gate, token, TTL in ms
-- Answer: the state, then value or nil and lease or nil for each.
--
-- A second reader gets the token that is there: it says that nobody has
-- written since it was made, and each reader asks MySQL after that.
local state = redis.call('GET', KEYS[1])
local answer = {state}
if not state or string.sub(state, 1, -2) ~= ARGV[1] or string.sub(state, -1) == 's' then
  return answer
end
local n = (#KEYS - 1) / 2
local values = mget(KEYS, 2, n + 1)
for i = 1, n do
  local lease = false
  if not values[i] then
    local key = KEYS[n + 1 + i]
    lease = redis.call('GET', key)
    if lease then
      redis.call('PEXPIRE', key, ARGV[3])
    else
      lease = ARGV[2]
      redis.call('SET', key, lease, 'PX', ARGV[3])
    end
  end
  answer[i * 2] = values[i]
  answer[i * 2 + 1] = lease
end
return answer
