-- An event without a change of the topology.
-- KEYS   events
-- ARGV   field, value, ..
make_room(KEYS[1], 'stream')
redis.call('XADD', KEYS[1], 'MAXLEN', '~', '1000', '*', unpack(ARGV))
