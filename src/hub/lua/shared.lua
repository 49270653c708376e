-- Put in front of every script.

-- Longest document anybody may store, in bytes. A longer one is not ours and is never fetched.
local LIMIT = 65536
-- Longest value of a legacy key that is looked at.
local SHORT = 512

-- The reply, or an error table when the key has another type. Whatever else is refused (a permission, a memory that
-- is full) ends the script: it must not pass for an absent key.
local function ask(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err and not string.find(reply.err, 'WRONGTYPE', 1, true) then
    return redis.call(...)
  end
  return reply
end

-- The text of a document, or false and why not ('' = absent). All we write is printable ASCII, so that the
-- text survives every client unchanged and can be compared byte for byte.
local function document(key)
  local size = ask('STRLEN', key)
  if type(size) == 'table' then return false, 'has a wrong type' end
  if size == 0 then return false, '' end
  if size > LIMIT then return false, 'is longer than 64 kB' end
  local text = redis.call('GET', key)
  if string.find(text, '[^\t\n\r -~]') then return false, 'is not plain text' end
  return text, ''
end

local function short_string(key)
  local size = ask('STRLEN', key)
  if type(size) == 'table' or size == 0 or size > SHORT then return false end
  return redis.call('GET', key)
end

local function short_field(key, name)
  local value = ask('HGET', key, name)
  if type(value) ~= 'string' or #value > SHORT then return false end
  return value
end

local function short_members(key)
  local size = ask('SCARD', key)
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

local function now_ms()
  return math.floor(now_us() / 1000)
end

-- Another one after every restart of Redis.
local function incarnation()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
end

-- A whole number that a document may count with, or false.
local function count(value)
  if type(value) ~= 'number' or value < 0 or value > 9007199254740991 then return false end
  return math.floor(value) == value
end

-- What a script must know of the topology to decide by it; false when it is none of this cluster.
local function known_topology(key, uniqsign)
  local text = document(key)
  if not text then return false end
  local readable, topology = pcall(cjson.decode, text)
  if not readable or type(topology) ~= 'table' then return false end
  if topology.v ~= 1 or topology.uniqsign ~= uniqsign or not count(topology.generation) then return false end
  return topology
end

-- The values of a hash in the order of the names, or false and why not ('' = absent). No value of ours is long.
local function short_fields(key, names)
  local size = ask('HLEN', key)
  if type(size) == 'table' then return false, 'has a wrong type' end
  if size == 0 then return false, '' end
  local values = {}
  for i, name in ipairs(names) do
    local value = short_field(key, name)
    if not value then return false, 'lacks ' .. name end
    values[i] = value
  end
  return values, ''
end

local function digits(text)
  return string.match(text, '^%d+$') and #text <= 15 and tonumber(text)
end

local LEASE = { 'holder', 'generation', 'counter', 'agent', 'armed', 'released', 'incarnation' }

-- The lease, or false when it is absent or not one.
local function stored_lease(key)
  local values = short_fields(key, LEASE)
  if not values then return false end
  local holder, generation, counter, agent, armed, released, incarnation = unpack(values)
  generation, counter = digits(generation), digits(counter)
  if not generation or not counter or #agent > 128 or #incarnation > 64 then return false end
  if not string.match(armed, '^[01]$') or not string.match(released, '^[01]$') then return false end
  return { holder = holder, generation = generation, counter = counter, agent = agent, released = released == '1',
    incarnation = incarnation }
end

local LEADER = { 'id', 'counter', 'at' }

-- The last identify that led, with an empty id when it has resigned; false when it is absent or not one.
local function stored_leader(key)
  local values = short_fields(key, LEADER)
  if not values then return false end
  local counter, at = digits(values[2]), digits(values[3])
  if not counter or not at or #values[1] > 128 or string.find(values[1], '[^%w_.:-]') then return false end
  return { id = values[1], counter = counter, at = at }
end

-- A clock that was set back makes nobody older.
local function age_ms(leader, now)
  return math.max(0, now - leader.at)
end

-- A stored request is "<stored at> <expires at> <document>", microseconds of this server's clock.
-- One from the future means that the clock was set back: nobody can tell its age, so it has expired.
local function live_request(held, now)
  local stored, expires, text = string.match(held, '^(%d+) (%d+) (.*)$')
  if not stored then return false end
  if now < tonumber(stored) or now >= tonumber(expires) then return false end
  return text, stored
end
