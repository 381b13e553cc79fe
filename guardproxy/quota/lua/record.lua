-- What a running request holds in one scope: items `field:slot:reserved:orphan`, after a digit for the version of the
-- format. It ends once, because whoever ends it takes the record away.

local VERSION = '1'

local function whole(number)
  return string.format('%.0f', number)
end

local function record_item(field, slot, reserved, orphan)
  return field .. ':' .. whole(slot) .. ':' .. whole(reserved) .. ':' .. whole(orphan)
end

-- Replaces what is reserved by `amount_of(field, reserved, orphan)`, in the slots it was charged to. A slot that has
-- left the ring has nothing to correct.
local function close_record(counters, records, id, amount_of)
  local record = redis.call('HGET', records, id)
  if not record then
    return false
  end
  redis.call('HDEL', records, id)
  if string.sub(record, 1, 1) ~= VERSION then
    return true -- of a later version: its reservation stands
  end
  local items, fields = {}, {}
  for field, slot, reserved, orphan in string.gmatch(record, '([^;:]+):(%d+):(%d+):(%d+)') do
    slot, reserved = tonumber(slot), tonumber(reserved)
    local change = amount_of(field, reserved, tonumber(orphan)) - reserved
    if change ~= 0 then
      items[#items + 1] = {slot, change}
      fields[#fields + 1] = field
    end
  end
  if #fields == 0 then
    return true
  end
  local rings = redis.call('HMGET', counters, unpack(fields))
  local changed = {}
  for i, item in ipairs(items) do
    if rings[i] then
      local ring, kept = unpack_ring(rings[i])
      local age = ring[1] - item[1]
      if age >= 0 and age < kept then
        local place = 2 + item[1] % kept
        ring[place] = math.max(0, ring[place] + item[2])
        changed[#changed + 1] = fields[i]
        changed[#changed + 1] = pack_ring(ring, kept)
      end
    end
  end
  if #changed > 0 then
    redis.call('HSET', counters, unpack(changed))
  end
  return true
end

-- Whoever held a lease that is over is gone: it is charged as an orphan. Bounded work; the next call goes on.
local function sweep(counters, leases, records, now, most)
  local over = redis.call('ZRANGEBYSCORE', leases, '-inf', whole(now), 'LIMIT', 0, most)
  for _, id in ipairs(over) do
    close_record(counters, records, id, function(_, _, orphan) return orphan end)
    redis.call('ZREM', leases, id)
  end
  return #over
end
