-- KEYS: leases and records of one scope. ARGV: lease in ms, request ids. A lease that is over is not begun anew.
-- Returns how many were running.
local now, lease, running = now_ms(), tonumber(ARGV[1]), 0
for i = 2, #ARGV do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) then
    running = running + 1
    redis.call('ZADD', KEYS[1], 'XX', 'GT', whole(now + lease), ARGV[i])
  end
end
if running > 0 then
  redis.call('PEXPIRE', KEYS[1], whole(4 * lease))
  redis.call('PEXPIRE', KEYS[2], whole(4 * lease))
end
return running
