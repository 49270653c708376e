-- Put in front of every script.

-- Longest document anybody may store, in bytes. A longer one is not ours and is never fetched.
local LIMIT = 65536
-- Longest value of a legacy key that is looked at.
local SHORT = 512

-- The text of a document, or false and why not ('' = absent). All we write is printable ASCII, so that the
-- text survives every client unchanged and can be compared byte for byte.
local function document(key)
  local size = redis.pcall('STRLEN', key)
  if type(size) == 'table' then return false, 'has a wrong type' end
  if size == 0 then return false, '' end
  if size > LIMIT then return false, 'is longer than 64 kB' end
  local text = redis.call('GET', key)
  if string.find(text, '[^\t\n\r -~]') then return false, 'is not plain text' end
  return text, ''
end

local function short_string(key)
  local size = redis.pcall('STRLEN', key)
  if type(size) == 'table' or size == 0 or size > SHORT then return false end
  return redis.call('GET', key)
end

local function short_field(key, name)
  local value = redis.pcall('HGET', key, name)
  if type(value) ~= 'string' or #value > SHORT then return false end
  return value
end

local function short_members(key)
  local size = redis.pcall('SCARD', key)
  if type(size) == 'table' or size > 64 then return {} end
  return redis.call('SMEMBERS', key)
end

-- Drops a key that somebody made of another type, so that the write that follows cannot fail half way.
local function make_room(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then redis.call('DEL', key) end
end

local function now_us()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- A stored request is "<stored at> <expires at> <document>", microseconds of this server's clock.
-- One from the future means that the clock was set back: nobody can tell its age, so it has expired.
local function live_request(held, now)
  local stored, expires, text = string.match(held, '^(%d+) (%d+) (.*)$')
  if not stored then return false end
  if now < tonumber(stored) or now >= tonumber(expires) then return false end
  return text, stored
end
