-- KEYS: counters of one scope; the generation. ARGV: the time up to which logs were read, how many limits and these
-- (limits.lua); the amount of each is what its current period has to hold at least. Raising twice, or to less than there
-- is, changes nothing. What ended before that time and is charged later is known from here on to be charged already.
-- Returns {1 | 3 other calendar, now, how much was added to the first, ...}.
local now = now_ms()
local limits = read_limits(2, KEYS[1], KEYS[1], now)
if not limits then
  return {3, now}
end
if tonumber(ARGV[1]) > tonumber(redis.call('HGET', KEYS[2], 'reconciled') or 0) then
  redis.call('HSET', KEYS[2], 'reconciled', ARGV[1])
end
local reply = {1, now}
for _, limit in ipairs(limits) do
  local missing = math.max(0, limit.amount - limit.used)
  if missing > 0 then
    local place = 2 + limit.ring[1] % limit.kept
    limit.ring[place] = limit.ring[place] + missing
    redis.call('HSET', KEYS[1], limit.field, pack_ring(limit.ring, limit.kept))
    local keep_ms = begins_at(limit, limit.ring[1] + 1 + limit.before) - now + 86400000
    if redis.call('PTTL', KEYS[1]) < keep_ms then
      redis.call('PEXPIRE', KEYS[1], whole(keep_ms))
    end
  end
  reply[#reply + 1] = missing
end
return reply
