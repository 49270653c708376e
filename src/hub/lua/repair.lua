-- Brings the ancestor's keys to what is wanted, touching only what differs, without a message.
-- KEYS   topology mode master servicemode primaryhost secondaryhost members clusters
-- ARGV   JSON {servicemode? primaryhost? secondaryhost? members, active? passive? host? generation? since?},
--        what is missing is left alone; uniqsign
-- Output names of the repaired keys
local wanted = cjson.decode(ARGV[1])
local repaired = {}

local function repair_string(key, value)
  if not value or short_string(key) == value then return end
  redis.call('SET', key, value)
  repaired[#repaired + 1] = key
end

local function repair_hash(key, fields)
  local differs = {}
  for name, value in pairs(fields) do
    if short_field(key, name) ~= value then
      differs[#differs + 1] = name
      differs[#differs + 1] = value
    end
  end
  if #differs == 0 then return end
  local found = redis.call('TYPE', key).ok
  if found == 'hash' then
    redis.call('HSET', key, unpack(differs))
  else
    redis.call('DEL', key)
    for name, value in pairs(fields) do redis.call('HSET', key, name, value) end
  end
  repaired[#repaired + 1] = key
end

local function repair_members(key, members)
  if #members == 0 then return end
  local found = short_members(key)
  local same = #found == #members
  for _, member in ipairs(members) do
    same = same and ask('SISMEMBER', key, member) == 1
  end
  if same then return end
  redis.call('DEL', key)
  redis.call('SADD', key, unpack(members))
  repaired[#repaired + 1] = key
end

-- A leader that was overtaken must not put the old pair back: the pair has to belong to the topology as it stands.
local function still_true()
  if not wanted.generation then return true end
  local text = document(KEYS[1])
  if not text then return false end
  local readable, topology = pcall(cjson.decode, text)
  return readable and type(topology) == 'table' and topology.generation == tonumber(wanted.generation)
    and topology.writer == wanted.host
end

if still_true() then
  if wanted.active then repair_hash(KEYS[2], { active = wanted.active, passive = wanted.passive }) end
  if wanted.host then
    local phase = wanted.generation and 'stable'
    repair_hash(KEYS[3], { host = wanted.host, passive = wanted.passive, generation = wanted.generation,
      phase = phase or nil, since = wanted.since })
  end
end
repair_string(KEYS[4], wanted.servicemode)
repair_string(KEYS[5], wanted.primaryhost)
repair_string(KEYS[6], wanted.secondaryhost)
repair_members(KEYS[7], wanted.members)
-- An agent without a list of members serves the clusters named there.
make_room(KEYS[8], 'set')
if redis.call('SADD', KEYS[8], ARGV[2]) == 1 then repaired[#repaired + 1] = KEYS[8] end
return repaired
