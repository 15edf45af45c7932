-- tables: the states of tables, how many dirty rows each has, and the LSN of
-- the newest of them.
--
-- KEYS  meta, then state, dirty zset and gate of each table
-- ARGV  incarnation
-- Answer: state, number and LSN ('0' if none) for each table, or LOST.
--
-- A state of an earlier incarnation is replaced by the next generation, so
-- that nothing cached before the loss can be seen again.
if redis.call('HGET', KEYS[1], 'incarnation') ~= ARGV[1] then
  return LOST
end
local answer = {}
for i = 2, #KEYS, 3 do
  local state = redis.call('GET', KEYS[i])
  local inc, gen
  if state then
    inc, gen = split(state)
  end
  if inc ~= ARGV[1] then
    state = ARGV[1] .. ':' .. dec(tonumber(gen or '0') + 1) .. ':o'
    redis.call('SET', KEYS[i], state)
    redis.call('UNLINK', KEYS[i + 1], KEYS[i + 2])
  end
  answer[#answer + 1] = state
  answer[#answer + 1] = redis.call('ZCARD', KEYS[i + 1])
  answer[#answer + 1] = redis.call('ZRANGE', KEYS[i + 1], -1, -1, 'WITHSCORES')[2] or '0'
end
return answer
