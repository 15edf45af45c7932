-- tables: the states of tables, how many dirty rows each has, the LSN of the
-- newest of them, and what is touched.
--
-- KEYS  meta, then state, dirty zset, gate and hash of what is touched of each
--       table
-- ARGV  incarnation, '1' if what is touched is asked for
-- Answer: the LSN up to which all is settled; then for each table state, number,
--       LSN ('0' if none), and what is touched as field, LSN ... (commit.lua); or
--       LOST.
--
-- A state of an earlier incarnation is replaced by the next generation, so
-- that nothing cached before the loss can be seen again.
local m = redis.call('HMGET', KEYS[1], 'incarnation', 'settled')
if m[1] ~= ARGV[1] then
  return LOST
end
local answer = {m[2]}
for i = 2, #KEYS, 4 do
  local state = redis.call('GET', KEYS[i])
  local inc, gen
  if state then
    inc, gen = split(state)
  end
  if inc ~= ARGV[1] then
    state = ARGV[1] .. ':' .. dec(tonumber(gen or '0') + 1) .. ':o'
    redis.call('SET', KEYS[i], state)
    redis.call('UNLINK', KEYS[i + 1], KEYS[i + 2], KEYS[i + 3])
  end
  answer[#answer + 1] = state
  answer[#answer + 1] = redis.call('ZCARD', KEYS[i + 1])
  answer[#answer + 1] = redis.call('ZRANGE', KEYS[i + 1], -1, -1, 'WITHSCORES')[2] or '0'
  answer[#answer + 1] = ARGV[2] == '1' and redis.call('HGETALL', KEYS[i + 3]) or {}
end
return answer
