-- leave: removes an owner from a gate and opens the gate after the last.
--
-- KEYS  table state, gate, set of closed gates
-- ARGV  incarnation, owner, table, record that must still stand ('' = any),
--       channel to wake
-- Answer: 1, or LOST. An owner that is gone already is no error: the reply to
-- its leave was lost, or it was swept.
--
-- A gate that commits have waited for rests after it has opened: for REST ms
-- nobody closes it again (see join), or synchronous statements that follow one
-- another closely would keep the commits waiting for as long as they come. It
-- is longer than a waiter's longest pause between two looks.
--
-- From shut the table's generation is bumped: whatever the cache held may have
-- been changed in MySQL behind it. From closing nothing was changed, and the
-- pending rows must stay visible.
local state = redis.call('GET', KEYS[1])
local inc, gen, gate
if state then
  inc, gen, gate = split(state)
end
if inc ~= ARGV[1] then
  return LOST
end
local field = 'o:' .. ARGV[2]
local mine = redis.call('HGET', KEYS[2], field)
if not mine or (ARGV[4] ~= '' and mine ~= ARGV[4]) then
  return 1
end
redis.call('HDEL', KEYS[2], field, 'l:' .. ARGV[2])
local fields = redis.call('HKEYS', KEYS[2])
for i = 1, #fields do
  if string.sub(fields[i], 1, 2) == 'o:' then
    return 1
  end
end
local REST = 30
local wanted = redis.call('HGET', KEYS[2], 'want')
redis.call('DEL', KEYS[2])
if wanted then
  redis.call('HSET', KEYS[2], 'rest', dec(now_ms() + REST))
  redis.call('PEXPIRE', KEYS[2], dec(REST))
end
redis.call('SREM', KEYS[3], ARGV[3])
if gate == 's' then
  gen = dec(tonumber(gen) + 1)
end
redis.call('SET', KEYS[1], inc .. ':' .. gen .. ':o')
redis.call('PUBLISH', ARGV[5], 'gate')
return 1
