-- A ring keeps what was charged in the newest slot and those before it: {newest, amount, ...}, where the amount of slot
-- s stands at s % kept. It is stored as doubles, 8 bytes each: exact up to 2^53, and short enough for Redis to keep the
-- hash compact.

local function kept_in(packed)
  return #packed / 8 - 1
end

local function unpack_ring(packed)
  local kept = kept_in(packed)
  local ring = {struct.unpack('<' .. string.rep('d', kept + 1), packed)}
  ring[kept + 2] = nil -- the position after the last value
  return ring, kept
end

local function pack_ring(ring, kept)
  return struct.pack('<' .. string.rep('d', kept + 1), unpack(ring))
end

-- The ring at `slot`, with what time has passed over emptied. A clock that stepped back by less than the ring's length
-- stands still until time has caught up: going back would revive slots that were emptied. A larger step is believed.
local function open_ring(packed, kept, slot)
  if packed and kept_in(packed) == kept then
    local ring = unpack_ring(packed)
    local newest = ring[1]
    if newest >= slot and newest - slot < kept then
      return ring
    end
    if slot > newest and slot - newest < kept then
      for passed = newest + 1, slot do
        ring[2 + passed % kept] = 0
      end
      ring[1] = slot
      return ring
    end
  end
  local ring = {slot}
  for place = 2, kept + 1 do
    ring[place] = 0
  end
  return ring
end

-- The sum of the newest slot and those `before` it.
local function sum_ring(ring, kept, before)
  local total = 0
  for slot = ring[1] - before, ring[1] do
    total = total + ring[2 + slot % kept]
  end
  return total
end
