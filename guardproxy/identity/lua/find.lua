-- KEYS: keys, names. ARGV: 'id' or 'name', and which. Replies the JSON of the key, or nothing.
local id = ARGV[2]
if ARGV[1] == 'name' then id = redis.call('HGET', KEYS[2], id) end
return id and redis.call('HGET', KEYS[1], id)
