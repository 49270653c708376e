-- A request, valid by this server's clock only.
-- KEYS   requests
-- ARGV   id, text, milliseconds to live, wake channel
make_room(KEYS[1], 'hash')
local now = now_us()
for _, id in ipairs(redis.call('HKEYS', KEYS[1])) do
  if not live_request(redis.call('HGET', KEYS[1], id), now) then redis.call('HDEL', KEYS[1], id) end
end
local expires = now + tonumber(ARGV[3]) * 1000
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %.0f %s', now, expires, ARGV[2]))
redis.call('PUBLISH', ARGV[4], 'request')
