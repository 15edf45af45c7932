-- renew: extends an owner's leases on its gates, all of them or none.
--
-- KEYS  gates
-- ARGV  owner, lease in ms
-- Answer: 1, or SUPERSEDED if one has ended. An ended lease never comes back:
-- the sweeper may already be killing the owner's connection.
local now, field = now_ms(), 'o:' .. ARGV[1]
local backends = {}
for i = 1, #KEYS do
  local mine = redis.call('HGET', KEYS[i], field)
  local expiry, backend
  if mine then
    expiry, backend = string.match(mine, '^(%d+):(%d+)$')
  end
  if not expiry or tonumber(expiry) <= now then
    return SUPERSEDED
  end
  backends[i] = backend
end
for i = 1, #KEYS do
  redis.call('HSET', KEYS[i], field, dec(now + tonumber(ARGV[2])) .. ':' .. backends[i])
end
return 1
