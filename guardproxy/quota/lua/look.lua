-- KEYS: counters, leases of each scope. ARGV: for each scope how many limits it has and these (limits.lua).
-- Returns {1 | 3 other calendar, now, used, reset, used, ...}. Writes nothing.
local now = now_ms()
local reply, at = {1, now}, 1
for first = 1, #KEYS, 2 do
  local limits
  limits, at = read_limits(at, KEYS[first], KEYS[first + 1], now)
  if not limits then
    return {3, now}
  end
  for _, limit in ipairs(limits) do
    reply[#reply + 1] = limit.used
    reply[#reply + 1] = reset_of(limit, now)
  end
end
return reply
