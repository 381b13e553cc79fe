-- KEYS: version, pepper. Replies both, '' for what is not there.
return {redis.call('GET', KEYS[1]) or '0', redis.call('GET', KEYS[2]) or ''}
