-- The topology, and which Redis process answers.
-- ARGV   name of the topology's key
-- Output {run id, {text, why}}
local text, why = document(ARGV[1])
return { incarnation(), { text, why } }
