-- Publishes records. KEYS: the lane's stream, its hash {top, floor}.
-- ARGV: for each record its LSN, its incarnation, its owner's epoch, its data.
-- LSNs stay strings where they become ids: Lua prints large numbers rounded.
local floor = tonumber(redis.call('HGET', KEYS[2], 'floor') or '0')
local top = tonumber(redis.call('HGET', KEYS[2], 'top') or '0')

local function add(lsn, inc, epoch, data)
  return redis.pcall('XADD', KEYS[1], lsn .. '-0', 'i', inc, 'e', epoch, 'd', data)
end

-- older reports whether an entry was published under an epoch before this one.
local function older(entry, epoch)
  for i = 1, #entry, 2 do
    if entry[i] == 'e' then
      return tonumber(entry[i + 1]) < tonumber(epoch)
    end
  end
  return true
end

local failed
for a = 1, #ARGV, 4 do
  local lsn, inc, epoch, data = ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3]
  -- Up to the floor MySQL has everything: a late relay repeats itself.
  if tonumber(lsn) > floor then
    local r = add(lsn, inc, epoch, data)
    if type(r) == 'table' and r.err then
      if not string.find(r.err, 'equal or smaller', 1, true) then
        failed = r
        break
      end
      -- The stream's last id is not below this one. Either the record is there
      -- (a repeat), or it is a hole, which a stream cannot take in: start over,
      -- and the relay, which goes on upwards from here, puts the rest back. So
      -- does an owner who finds a former one's record, which may not be the same.
      local id = lsn .. '-0'
      local there = redis.call('XRANGE', KEYS[1], id, id)[1]
      if not there or older(there[2], epoch) then
        redis.call('DEL', KEYS[1])
        r = add(lsn, inc, epoch, data)
        if type(r) == 'table' and r.err then
          failed = r
          break
        end
      end
    end
    if tonumber(lsn) > top then
      top = tonumber(lsn)
      redis.call('HSET', KEYS[2], 'top', lsn)
    end
  end
end
if failed then
  return failed
end
return top
