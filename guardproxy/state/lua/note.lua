-- Note marks with their values: whoever noted a mark first, its value stays.
-- ARGV, behind those of the generations: mark, value, mark, value ... Replies the value that each mark has now.
local at, values = current(), {}
for arg = 4, #ARGV, 2 do
  local mark, value = ARGV[arg], redis.call('HGET', KEYS[2 + at], ARGV[arg])
  if not value then
    for turns = 1, count - 1 do
      local key = before(at, turns)
      value = redis.call('HGET', key, mark)
      if value then
        redis.call('HDEL', key, mark)
        break
      end
    end
    value = value or ARGV[arg + 1]
    redis.call('HSET', KEYS[2 + at], mark, value)
  end
  values[#values + 1] = value
end
if #values > 0 then keep(at) end
return values
