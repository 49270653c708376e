-- Facts or a report, with its expiry and its place in the index.
-- KEYS   document reporters
-- ARGV   text, seconds to live, name in the index, prefix of the cluster's keys, wake channel, hint
make_room(KEYS[2], 'set')
if redis.call('SCARD', KEYS[2]) > 4096 then redis.call('DEL', KEYS[2]) end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
if redis.call('SADD', KEYS[2], ARGV[3]) == 1 then
  -- A newcomer sweeps up those that have expired; the others cost nothing.
  for _, name in ipairs(redis.call('SMEMBERS', KEYS[2])) do
    if redis.call('EXISTS', ARGV[4] .. name) == 0 then redis.call('SREM', KEYS[2], name) end
  end
end
redis.call('PUBLISH', ARGV[5], ARGV[6])
