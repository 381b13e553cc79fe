-- KEYS: counters, leases, records of each scope. ARGV: request id, then field and amount of what is to be corrected
-- ('*' stands for every field that is not named). Returns in how many scopes the request was still running.
local id, ended = ARGV[1], 0
local actual = {}
for i = 2, #ARGV, 2 do
  actual[ARGV[i]] = tonumber(ARGV[i + 1])
end

local function amount_of(field, reserved, _)
  return actual[field] or actual['*'] or reserved
end

for first = 1, #KEYS, 3 do
  redis.call('ZREM', KEYS[first + 1], id)
  if close_record(KEYS[first], KEYS[first + 2], id, amount_of) then
    ended = ended + 1
  end
end
return ended
