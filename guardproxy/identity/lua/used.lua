-- When keys were last used: a moment is only ever replaced by a later one.
-- KEYS: used (hash id -> Unix seconds). ARGV: id, moment, id, moment ...
for at = 1, #ARGV, 2 do
  local known = tonumber(redis.call('HGET', KEYS[1], ARGV[at]) or 0)
  if tonumber(ARGV[at + 1]) > known then redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
end
return #ARGV / 2
