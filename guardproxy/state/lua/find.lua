-- ARGV, behind those of the generations: marks. Replies the value of each, nothing for one that was not noted.
local at, wanted, places, values, moved = current(), {}, {}, {}, false
for arg = 4, #ARGV do
  wanted[#wanted + 1], places[#places + 1], values[arg - 3] = ARGV[arg], arg - 3, false
end
for turns = 0, count - 1 do
  if #wanted == 0 then break end
  local key, left, left_places = before(at, turns), {}, {}
  local found = redis.call('HMGET', key, unpack(wanted))
  for index, value in ipairs(found) do
    if value then
      values[places[index]] = value
      if turns > 0 then
        redis.call('HDEL', key, wanted[index])
        redis.call('HSET', KEYS[2 + at], wanted[index], value)
        moved = true
      end
    else
      left[#left + 1], left_places[#left_places + 1] = wanted[index], places[index]
    end
  end
  wanted, places = left, left_places
end
if moved then keep(at) end
return values
