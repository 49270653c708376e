-- A change of the topology and everything that belongs to it, or nothing.
-- KEYS   topology requests events mode master clusters
-- ARGV   the text it was decided on ('' = none), the new text, and JSON:
--        {uniqsign, wake, takes?, legacy? {active passive generation since}, announce? {channel, message},
--         events [[field, value, ..]..], answers [[key, id, text]..], answerTtl}
-- Output 'committed' | 'stale' | 'withdrawn'
local change = cjson.decode(ARGV[3])
local topology, requests, events, mode, master, clusters = unpack(KEYS)

-- What no reader accepts counts as absent; otherwise garbage could never be replaced.
if (document(topology) or '') ~= ARGV[1] then return 'stale' end
if change.takes then
  local held = redis.pcall('HGET', requests, change.takes)
  if type(held) ~= 'string' or not live_request(held, now_us()) then return 'withdrawn' end
end

redis.call('SET', topology, ARGV[2])
make_room(requests, 'hash')
if change.takes then redis.call('HDEL', requests, change.takes) end

if change.legacy then
  local pair = change.legacy
  make_room(mode, 'hash')
  redis.call('HSET', mode, 'active', pair.active, 'passive', pair.passive)
  make_room(master, 'hash')
  redis.call('HSET', master, 'host', pair.active, 'passive', pair.passive, 'generation', pair.generation,
    'phase', 'stable', 'since', pair.since)
end

make_room(events, 'stream')
for _, event in ipairs(change.events) do
  redis.call('XADD', events, 'MAXLEN', '~', '1000', '*', unpack(event))
end
for _, answer in ipairs(change.answers) do
  redis.call('SET', answer[1], answer[3], 'EX', change.answerTtl)
  redis.call('HDEL', requests, answer[2])
end

make_room(clusters, 'set')
redis.call('SADD', clusters, change.uniqsign)
if change.announce then redis.call('PUBLISH', change.announce[1], change.announce[2]) end
redis.call('PUBLISH', change.wake, 'topology')
return 'committed'
