-- KEYS: a hash. ARGV: cursor. Replies the next cursor and some of the fields, each followed by its value.
return redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', 500)
