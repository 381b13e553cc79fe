-- What a request holds in one scope: items `field:slot:reserved:orphan`, after a digit for the version of the format. It
-- ends once, because whoever ends it takes the record away. A request whose lease is over is charged as an orphan; its
-- record stays for a while under the digit OVER, since its proxy may only have been cut off, and tell what it used after all.

local VERSION, OVER = '1', '0'
local OVER_IDS, MOST_OVER = '~', 512 -- a field of the records, which no request has: the last ones that are over

local function whole(number)
  return string.format('%.0f', number)
end

local function record_item(field, slot, reserved, orphan)
  return field .. ':' .. whole(slot) .. ':' .. whole(reserved) .. ':' .. whole(orphan)
end

-- Replaces what is charged for a record by `amount_of(field, reserved, orphan)`, in the slots it was charged to. A slot
-- that has left the ring has nothing to correct.
local function correct(counters, record, amount_of)
  local version = string.sub(record, 1, 1)
  if version ~= VERSION and version ~= OVER then
    return -- of a later version: what is charged stands
  end
  local items, fields = {}, {}
  for field, slot, reserved, orphan in string.gmatch(record, '([^;:]+):(%d+):(%d+):(%d+)') do
    slot, reserved, orphan = tonumber(slot), tonumber(reserved), tonumber(orphan)
    local change = amount_of(field, reserved, orphan) - (version == OVER and orphan or reserved)
    if change ~= 0 then
      items[#items + 1] = {slot, change}
      fields[#fields + 1] = field
    end
  end
  if #fields == 0 then
    return
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
end

-- Ends a request in one scope; whether it had not ended yet.
local function close_record(counters, records, id, amount_of)
  local record = redis.call('HGET', records, id)
  if not record then
    return false
  end
  redis.call('HDEL', records, id)
  correct(counters, record, amount_of)
  return true
end

local function as_orphan(_, _, orphan)
  return orphan
end

-- Whoever held a lease that is over is gone, or cut off: it is charged as an orphan. Bounded work; the next call goes on.
local function sweep(counters, leases, records, now, most)
  local over = redis.call('ZRANGEBYSCORE', leases, '-inf', whole(now), 'LIMIT', 0, most)
  local ids = {}
  for _, id in ipairs(over) do
    local record = redis.call('HGET', records, id)
    if record and string.sub(record, 1, 1) == VERSION then
      correct(counters, record, as_orphan)
      redis.call('HSET', records, id, OVER .. string.sub(record, 2))
      ids[#ids + 1] = id
    end
    redis.call('ZREM', leases, id)
  end
  if #ids > 0 then
    local known = {}
    for id in string.gmatch(redis.call('HGET', records, OVER_IDS) or '', '[^;]+') do
      known[#known + 1] = id
    end
    for _, id in ipairs(ids) do
      known[#known + 1] = id
    end
    for _ = 1, #known - MOST_OVER do
      redis.call('HDEL', records, table.remove(known, 1))
    end
    redis.call('HSET', records, OVER_IDS, table.concat(known, ';'))
  end
  return #over
end
