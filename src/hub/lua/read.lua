-- One cluster, complete, at one instant.
-- ARGV   prefix of the cluster's keys, names of the keys: topology requests reporters mode master servicemode
--        primaryhost secondaryhost members lease leader. As KEYS they would need permission to write them.
-- Output {run id, {text, why}, {{name, text, why}..}, {{id, stored at, text, why}..}, why the requests are
--        unreadable, why the reporters are, {active, passive, host, generation, since, servicemode, primary,
--        secondary}, {member..}, {{lease's fields}, why}, {id, counter, age in ms} of the leader, why,
--        Redis' clock in ms}
local prefix, topology_key, requests_key, reporters_key, mode, master, servicemode, primaryhost, secondaryhost, members,
  lease_key, leader_key = unpack(ARGV)

local function reports()
  local size = ask('SCARD', reporters_key)
  if type(size) == 'table' then return {}, 'has a wrong type' end
  if size > 4096 then return {}, 'is too large' end
  local found = {}
  for _, name in ipairs(redis.call('SMEMBERS', reporters_key)) do
    local kind = string.match(name, '^(%l+)%-')
    if #name <= SHORT and (kind == 'facts' or kind == 'agent' or kind == 'sidecar') then
      local text, why = document(prefix .. name)
      if text or why ~= '' then found[#found + 1] = { name, text, why } end
    end
  end
  return found, ''
end

local function requests()
  local size = ask('HLEN', requests_key)
  if type(size) == 'table' then return {}, 'has a wrong type' end
  if size > 1024 then return {}, 'is too large' end
  local found = {}
  local now = now_us()
  local all = redis.call('HGETALL', requests_key)
  for i = 1, #all, 2 do
    local id, held = all[i], all[i + 1]
    if #id > SHORT then
      found[#found + 1] = { '?', '0', false, 'has a name longer than an id' }
    elseif #held > LIMIT then
      found[#found + 1] = { id, '0', false, 'is longer than 64 kB' }
    elseif not string.match(held, '^%d+ %d+ ') then
      found[#found + 1] = { id, '0', false, 'is not a request' }
    else
      local text, stored = live_request(held, now)
      if text then found[#found + 1] = { id, stored, text, '' } end
    end
  end
  return found, ''
end

local function leader()
  local fields, why = short_fields(leader_key, LEADER)
  local found = stored_leader(leader_key)
  if not found then return false, fields and 'is not understood' or why end
  return { found.id, found.counter, age_ms(found, now_ms()) }, ''
end

local topology, topology_why = document(topology_key)
local found_reports, reports_why = reports()
local found_requests, requests_why = requests()
local lease, lease_why = short_fields(lease_key, LEASE)
local found_leader, leader_why = leader()
return {
  incarnation(),
  { topology, topology_why },
  found_reports,
  found_requests,
  requests_why,
  reports_why,
  {
    short_field(mode, 'active'),
    short_field(mode, 'passive'),
    short_field(master, 'host'),
    short_field(master, 'generation'),
    short_field(master, 'since'),
    short_string(servicemode),
    short_string(primaryhost),
    short_string(secondaryhost),
  },
  short_members(members),
  { lease, lease_why },
  { found_leader, leader_why },
  now_ms(),
}
