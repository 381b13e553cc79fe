-- A store numbers what it takes, within a generation. Whoever was told a later number than it holds now has met an older
-- copy of it, or an empty one: then a new generation begins, and `ended` keeps how far the copy's own reaches, so that
-- everybody knows which of his charges are lost. `reconciled` is the time up to which logs have been charged.

local function meet(key, known, seen, now)
  local held = redis.call('HMGET', key, 'generation', 'number', 'ended', 'reconciled')
  local met = {
    generation = tonumber(held[1] or 0), number = tonumber(held[2] or 0), ended = held[3] or '',
    reconciled = tonumber(held[4] or 0), known = known,
  }
  if known > met.generation or (known == met.generation and seen > met.number) then
    met.ended = string.sub(met.ended .. whole(met.generation) .. ':' .. whole(met.number) .. ';', -600)
    met.generation = math.max(now, known + 1)
    redis.call('HSET', key, 'generation', whole(met.generation), 'ended', met.ended)
  end
  return met
end

-- Give what is written now its number.
local function take(key, met, now)
  met.number = met.number + 1
  if met.generation == 0 then
    met.generation = now
    redis.call('HSET', key, 'generation', whole(now), 'number', whole(met.number))
  else
    redis.call('HSET', key, 'number', whole(met.number))
  end
end

-- Every reply ends with the generation, its number, and, for whoever knew another generation, how far those reach.
local function tell(reply, met)
  reply[#reply + 1] = met.generation
  reply[#reply + 1] = met.number
  reply[#reply + 1] = met.known ~= met.generation and met.ended or ''
  return reply
end
