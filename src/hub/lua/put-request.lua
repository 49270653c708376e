-- A request, valid by this server's clock only. One that arrives too late is not even stored: it may have waited
-- in a socket while this server was frozen.
-- KEYS   requests
-- ARGV   id, text, time of expiry in microseconds, wake channel
make_room(KEYS[1], 'hash')
local now = now_us()
for _, id in ipairs(redis.call('HKEYS', KEYS[1])) do
  if not live_request(redis.call('HGET', KEYS[1], id), now) then redis.call('HDEL', KEYS[1], id) end
end
if now >= tonumber(ARGV[3]) then return end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %s %s', now, ARGV[3], ARGV[2]))
redis.call('PUBLISH', ARGV[4], 'request')
