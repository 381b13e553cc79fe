-- The limits of one scope as they stand in ARGV, with their rings. Each is: kind, field, limit, amount, orphan, flags,
-- and then for 's' (sliding) slots before the current one, length in ms; for 'c' (calendar) the number of the first of
-- three periods and the four moments between which they lie, since a script knows no time zones; for 'l' (what runs)
-- nothing. Flags: 's' shadow, 'r' another limit of the scope charges this field.

local function begins_at(limit, slot)
  if limit.kind == 's' then
    return math.ceil(slot * limit.length / limit.before)
  end
  return limit.bounds[slot - limit.first + 1]
end

local function read_limit(at)
  local limit = {
    kind = ARGV[at], field = ARGV[at + 1], most = tonumber(ARGV[at + 2]), amount = tonumber(ARGV[at + 3]),
    orphan = tonumber(ARGV[at + 4]),
    shadow = string.find(ARGV[at + 5], 's', 1, true) ~= nil,
    repeated = string.find(ARGV[at + 5], 'r', 1, true) ~= nil,
  }
  at = at + 6
  if limit.kind == 's' then
    limit.before, limit.length = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
    limit.kept = limit.before + 1
    return limit, at + 2
  elseif limit.kind == 'c' then
    limit.before, limit.kept, limit.first = 0, 2, tonumber(ARGV[at])
    limit.bounds = {tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])}
    return limit, at + 5
  end
  return limit, at
end

-- The slot of `now`; nil where the caller's calendar is about another time.
local function slot_at(limit, now)
  if limit.kind == 's' then
    return math.floor(now * limit.before / limit.length)
  end
  for i = 1, 3 do
    if limit.bounds[i] <= now and now < limit.bounds[i + 1] then
      return limit.first + i - 1
    end
  end
  return nil
end

-- All limits of a scope, opened at `now`, and where the next scope's begin. nil: see slot_at.
local function read_limits(at, counters, leases, now)
  local limits, fields, rung = {}, {}, {}
  local count = tonumber(ARGV[at])
  at = at + 1
  for i = 1, count do
    local limit
    limit, at = read_limit(at)
    limits[i] = limit
    if limit.kind == 'l' then
      limit.used = redis.call('ZCOUNT', leases, '(' .. whole(now), '+inf')
    else
      fields[#fields + 1] = limit.field
      rung[#rung + 1] = limit
    end
  end
  if #fields > 0 then
    local packed = redis.call('HMGET', counters, unpack(fields))
    for i, limit in ipairs(rung) do
      local slot = slot_at(limit, now)
      if not slot then
        return nil
      end
      limit.ring = open_ring(packed[i], limit.kept, slot)
      if not begins_at(limit, limit.ring[1] + 1) then
        return nil -- the clock stepped back over midnight, and the caller named other periods than the ring's
      end
      limit.used = sum_ring(limit.ring, limit.kept, limit.before)
    end
  end
  return limits, at
end

-- Milliseconds until nothing is used any more.
local function reset_of(limit, now)
  if limit.used == 0 or not limit.ring then
    return 0
  end
  local slot = limit.ring[1]
  while limit.ring[2 + slot % limit.kept] == 0 do
    slot = slot - 1
  end
  return begins_at(limit, slot + 1 + limit.before) - now
end

-- How long the amount has to wait: 0 it fits, -1 nobody knows, -2 it never fits.
local function wait_of(limit, now)
  local amount = math.max(limit.amount, 1)
  local excess = limit.used + amount - limit.most
  if excess <= 0 then
    return 0
  elseif amount > limit.most then
    return -2
  elseif not limit.ring then
    return -1
  end
  local slot = limit.ring[1] - limit.before - 1
  repeat
    slot = slot + 1
    excess = excess - limit.ring[2 + slot % limit.kept]
  until excess <= 0
  return begins_at(limit, slot + 1 + limit.before) - now
end
