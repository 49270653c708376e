-- One cluster, complete, at one instant.
-- KEYS   topology requests reporters mode master servicemode primaryhost secondaryhost members
-- ARGV   prefix of the cluster's keys
-- Output {run id, {text, why}, {{name, text, why}..}, {{id, stored at, text, why}..}, why the requests are
--        unreadable, why the reporters are, {active, passive, host, generation, since, servicemode, primary,
--        secondary}, {member..}}
local prefix = ARGV[1]

local function incarnation()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
end

local function reports()
  local size = redis.pcall('SCARD', KEYS[3])
  if type(size) == 'table' then return {}, 'has a wrong type' end
  if size > 4096 then return {}, 'is too large' end
  local found = {}
  for _, name in ipairs(redis.call('SMEMBERS', KEYS[3])) do
    local kind = string.match(name, '^(%l+)%-')
    if #name <= SHORT and (kind == 'facts' or kind == 'agent' or kind == 'sidecar') then
      local text, why = document(prefix .. name)
      if text or why ~= '' then found[#found + 1] = { name, text, why } end
    end
  end
  return found, ''
end

local function requests()
  local size = redis.pcall('HLEN', KEYS[2])
  if type(size) == 'table' then return {}, 'has a wrong type' end
  if size > 1024 then return {}, 'is too large' end
  local found = {}
  local now = now_us()
  local all = redis.call('HGETALL', KEYS[2])
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

local topology, topology_why = document(KEYS[1])
local found_reports, reports_why = reports()
local found_requests, requests_why = requests()
return {
  incarnation(),
  { topology, topology_why },
  found_reports,
  found_requests,
  requests_why,
  reports_why,
  {
    short_field(KEYS[4], 'active'),
    short_field(KEYS[4], 'passive'),
    short_field(KEYS[5], 'host'),
    short_field(KEYS[5], 'generation'),
    short_field(KEYS[5], 'since'),
    short_string(KEYS[6]),
    short_string(KEYS[7]),
    short_string(KEYS[8]),
  },
  short_members(KEYS[9]),
}
