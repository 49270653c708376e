-- A change of the topology and everything that belongs to it, or nothing.
-- KEYS   topology requests events mode master lease clusters
-- ARGV   the text it was decided on ('' = none), the new text, and JSON:
--        {uniqsign, wake, takes?, legacy? {active passive generation since}, announce? {channel, message},
--         lease? {holder generation incarnation}, events [[field, value, ..]..], answers [[key, id, text]..], answerTtl}
-- Output 'committed' | 'stale' | 'withdrawn'
local change = cjson.decode(ARGV[3])
local topology, requests, events, mode, master, lease, clusters = unpack(KEYS)

-- What no reader accepts counts as absent; otherwise garbage could never be replaced.
if (document(topology) or '') ~= ARGV[1] then return 'stale' end
if change.takes then
  local held = ask('HGET', requests, change.takes)
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

-- Whoever is let open gets a lease, as well as a writer whose lease this Redis process has not seen. Giving a
-- generation up stays true.
if change.lease then
  local due = change.lease
  local held = stored_lease(lease)
  local same = held and held.generation == tonumber(due.generation) and held.holder == due.holder
  if not same or held.incarnation ~= due.incarnation then
    redis.call('DEL', lease)
    redis.call('HSET', lease, 'holder', due.holder, 'generation', due.generation, 'counter', '0', 'agent', '',
      'armed', '0', 'released', same and held.released and '1' or '0', 'incarnation', due.incarnation)
  end
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
