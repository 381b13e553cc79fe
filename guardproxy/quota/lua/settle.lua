-- KEYS: counters, leases, records of each scope; the generation; where the request is given up, its mark of that. ARGV:
-- request id, generation and number known (generation.lua), for how many ms an admission that has not come yet stays
-- given up (0: it came), then field and amount of what is to be corrected ('*' stands for every field not named).
-- Returns {in how many scopes the request had not ended yet, generation, number, ended}.
local id, given_up, ended = ARGV[1], tonumber(ARGV[4]), 0
local last = given_up > 0 and #KEYS - 2 or #KEYS - 1
local now = now_ms()
local met = meet(KEYS[last + 1], tonumber(ARGV[2]), tonumber(ARGV[3]), now)
local actual = {}
for i = 5, #ARGV, 2 do
  actual[ARGV[i]] = tonumber(ARGV[i + 1])
end

local function amount_of(field, reserved, _)
  return actual[field] or actual['*'] or reserved
end

for first = 1, last, 3 do
  redis.call('ZREM', KEYS[first + 1], id)
  if close_record(KEYS[first], KEYS[first + 2], id, amount_of) then
    ended = ended + 1
  end
end
if ended > 0 then
  take(KEYS[last + 1], met, now)
elseif given_up > 0 then
  redis.call('SET', KEYS[#KEYS], '', 'PX', whole(given_up))
end
return tell({ended}, met)
