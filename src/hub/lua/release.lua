-- Gives the writer's lease up for good, while the topology is stable with this writer.
-- KEYS   lease
-- ARGV   name of the topology's key, uniqsign, member, id of the agent, generation, wake channel
-- Output 1 | 0 when it is not this agent's any more
local topology_key, uniqsign, member, agent, asked, wake = unpack(ARGV)
local generation = tonumber(asked)

local topology = known_topology(topology_key, uniqsign)
if not topology or topology.generation ~= generation then return 0 end
if topology.phase ~= 'stable' or topology.writer ~= member then return 0 end
local lease = stored_lease(KEYS[1])
if not lease or lease.generation ~= generation or lease.holder ~= member then return 0 end
if lease.agent ~= '' and lease.agent ~= agent then return 0 end

redis.call('HSET', KEYS[1], 'agent', agent, 'released', '1')
redis.call('PUBLISH', wake, 'report')
return 1
