-- A sign of life of an identify, which leads when nobody else does.
-- KEYS   leader
-- ARGV   id, the counter of a leader that is to be overtaken ('' = none)
-- Output {id, counter, age in ms}: who leads now
local id, take_from = unpack(ARGV)
local leader = stored_leader(KEYS[1])
local now = now_ms()

if leader and leader.id ~= '' and leader.id ~= id and leader.counter ~= tonumber(take_from) then
  return { leader.id, leader.counter, age_ms(leader, now) }
end
local counter = leader and leader.counter + 1 or 1
make_room(KEYS[1], 'hash')
redis.call('HSET', KEYS[1], 'id', id, 'counter', string.format('%.0f', counter), 'at', string.format('%.0f', now))
return { id, counter, 0 }
