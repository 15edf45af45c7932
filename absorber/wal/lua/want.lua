-- want: notes in a closed gate that a commit waits for it; see leave.
--
-- KEYS  table state, gate
-- Answer: 1 if the gate is closed, else 0.
local state = redis.call('GET', KEYS[1])
if not state or string.sub(state, -1) == 'o' then
  return 0
end
redis.call('HSET', KEYS[2], 'want', '1')
return 1
