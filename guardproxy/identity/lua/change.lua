-- One change to one key, all or nothing: only if key, name and pepper are as the caller has seen them.
-- KEYS: keys (hash id -> JSON), names (hash name -> id), version, pepper (a digest that only one pepper makes)
-- ARGV: id, what it holds now ('' = nothing), what it shall hold, name ('' = the name stays whose it is), whose the
--       name is now ('' = nobody's), digest of the pepper, channel
-- Replies the new version; 0: something is not as it was seen; -1: the keys were made under another pepper.
local id, seen, new, name, holder, mark, channel = unpack(ARGV)
local pepper = redis.call('GET', KEYS[4])
if pepper and pepper ~= mark then return -1 end
if (redis.call('HGET', KEYS[1], id) or '') ~= seen then return 0 end
if name ~= '' and (redis.call('HGET', KEYS[2], name) or '') ~= holder then return 0 end
if not pepper then redis.call('SET', KEYS[4], mark) end
redis.call('HSET', KEYS[1], id, new)
if name ~= '' then redis.call('HSET', KEYS[2], name, id) end
local version = redis.call('INCR', KEYS[3])
-- Who may not publish has the change found by its version instead.
redis.pcall('PUBLISH', channel, version .. ':' .. id)
return version
