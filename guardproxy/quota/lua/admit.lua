-- KEYS: counters, leases, records of each scope; the generation; the request's mark of being given up. ARGV: request id,
-- lease in ms, leases swept at most, when the request ended if it is charged whatever the limits say (0: it is not),
-- generation and number known (generation.lua), and for each scope how many limits it has and these (limits.lua).
-- Returns {1 admitted | 0 denied | 2 already running | 3 other calendar | 4 given up, now, used, reset, wait, used, ...,
-- generation, number, ended}.
local now = now_ms()
local id, lease, most, ended_at = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local last, forced = #KEYS - 2, ended_at > 0
local met = meet(KEYS[last + 1], tonumber(ARGV[5]), tonumber(ARGV[6]), now)

local scopes, at, fits = {}, 7, true
for first = 1, last, 3 do
  sweep(KEYS[first], KEYS[first + 1], KEYS[first + 2], now, most)
  local limits
  limits, at = read_limits(at, KEYS[first], KEYS[first + 1], now)
  if not limits then
    return tell({3, now}, met)
  end
  for _, limit in ipairs(limits) do
    if forced and limit.kind == 'c' and ended_at <= met.reconciled then
      limit.amount, limit.orphan = 0, 0 -- the logs told of it already
    end
    limit.wait = wait_of(limit, now)
    fits = fits and (limit.wait == 0 or limit.shadow)
  end
  scopes[#scopes + 1] = limits
end

local status = (fits or forced) and 1 or 0
if redis.call('EXISTS', KEYS[#KEYS]) == 1 then
  status = 4
elseif redis.call('ZSCORE', KEYS[2], id) then
  status = 2
end
if status == 1 then
  take(KEYS[last + 1], met, now)
end

local reply = {status, now}
for number, limits in ipairs(scopes) do
  local changed, items, keep_ms = {}, {VERSION}, 0
  for _, limit in ipairs(limits) do
    if status == 1 then
      if limit.ring then
        local place = 2 + limit.ring[1] % limit.kept
        limit.ring[place] = limit.ring[place] + limit.amount
        if not limit.repeated then
          changed[#changed + 1] = limit.field
          changed[#changed + 1] = pack_ring(limit.ring, limit.kept)
          items[#items + 1] = record_item(limit.field, limit.ring[1], limit.amount, limit.orphan)
        end
        -- A calendar's last period stays for a day, for those who end after midnight.
        local spare = limit.kind == 'c' and 86400000 or 0
        keep_ms = math.max(keep_ms, begins_at(limit, limit.ring[1] + 1 + limit.before) - now + spare)
      end
      limit.used = limit.used + limit.amount
    end
    reply[#reply + 1] = limit.used
    reply[#reply + 1] = reset_of(limit, now)
    reply[#reply + 1] = limit.wait
  end
  if status == 1 then
    local counters, leases, records = KEYS[3 * number - 2], KEYS[3 * number - 1], KEYS[3 * number]
    if #changed > 0 then
      redis.call('HSET', counters, unpack(changed))
      if redis.call('PTTL', counters) < keep_ms then
        redis.call('PEXPIRE', counters, whole(keep_ms + math.min(keep_ms, 3600000)))
      end
    end
    redis.call('ZADD', leases, whole(now + lease), id)
    redis.call('HSET', records, id, table.concat(items, ';'))
    if redis.call('PTTL', leases) < 2 * lease or redis.call('PTTL', records) < 2 * lease then
      redis.call('PEXPIRE', leases, whole(4 * lease))
      redis.call('PEXPIRE', records, whole(4 * lease))
    end
  end
end
return tell(reply, met)
