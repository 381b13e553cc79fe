-- A memory is a few hashes, its generations, of which one is current and takes what is new. When that is full or old
-- enough, the oldest is emptied and becomes the current one. So a memory never holds more than it may, nothing in it has
-- to be looked for to be forgotten, and what is used moves on into the current generation.
-- KEYS: which is current (hash: at, began), then the generations. ARGV: how many marks one of them takes, for how long it
-- takes any, and for how long everything is kept (both in ms).
local count = #KEYS - 1
local most, span, kept = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]

-- The number of the current generation, after its turn if it is over.
local function current()
  local held = redis.call('HMGET', KEYS[1], 'at', 'began')
  local at, now = tonumber(held[1] or 0), now_ms()
  if now - tonumber(held[2] or 0) >= span or redis.call('HLEN', KEYS[2 + at]) >= most then
    at = (at + 1) % count
    redis.call('UNLINK', KEYS[2 + at])
    redis.call('HSET', KEYS[1], 'at', at, 'began', string.format('%.0f', now))
  end
  return at
end

-- The key of the generation that was current so many turns ago.
local function before(at, turns)
  return KEYS[2 + (at - turns) % count]
end

-- What is written into the current generation is kept for as long as anything is.
local function keep(at)
  redis.call('PEXPIRE', KEYS[1], kept)
  redis.call('PEXPIRE', KEYS[2 + at], kept)
end
