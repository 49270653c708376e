-- Another term of the writer's lease. Nobody is woken: it runs all the time, and only the agent itself need know.
-- KEYS   lease
-- ARGV   name of the topology's key, uniqsign, member, id of the agent, generation, armed ('1' or '0')
-- Output {'granted'} | {'lost', generation} | {'foreign', agent, counter} | {'unknown'}
local topology_key, uniqsign, member, agent, asked, armed = unpack(ARGV)
local generation = tonumber(asked)

local topology = known_topology(topology_key, uniqsign)
if not topology or topology.generation < generation then return { 'unknown' } end
if topology.generation > generation then return { 'lost', topology.generation } end

local lease = stored_lease(KEYS[1])
if not lease or lease.generation ~= generation or lease.holder ~= member then return { 'unknown' } end
if lease.released then return { 'lost', generation } end
local writes = topology.phase == 'stable' and topology.writer == member
local opens = topology.phase == 'opening' and topology.to == member
if not writes and not opens then return { 'unknown' } end
if lease.agent ~= '' and lease.agent ~= agent then return { 'foreign', lease.agent, lease.counter } end

redis.call('HSET', KEYS[1], 'agent', agent, 'counter', string.format('%.0f', lease.counter + 1), 'armed', armed)
return { 'granted' }
