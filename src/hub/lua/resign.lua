-- An identify that leads no more. The counter stays: whoever saw an older one must not take over by it later.
-- KEYS   leader
-- ARGV   id
local leader = stored_leader(KEYS[1])
if leader and leader.id == ARGV[1] then redis.call('HSET', KEYS[1], 'id', '') end
