-- An answer that comes without a change of the topology; the request is done with.
-- KEYS   answer requests
-- ARGV   text, seconds to live, id of the request, wake channel
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
make_room(KEYS[2], 'hash')
redis.call('HDEL', KEYS[2], ARGV[3])
redis.call('PUBLISH', ARGV[4], 'request')
