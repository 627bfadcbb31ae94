-- Keeps the facts of a key, unless newer ones are there: a slow writer never undoes a change.
--
-- KEYS  1 key facts
-- ARGV  1 version  2 facts ('' marks a key that is gone)  3 disabled (1 or 0)  4 expires_at_ms or ''
--       5 time to live in ms, or 0 for ever
-- gives 1, or 0 when a newer version is kept.

local held = redis.call('HGET', KEYS[1], 'version')
if held and tonumber(held) > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'facts', ARGV[2], 'disabled', ARGV[3],
  'expires_at_ms', ARGV[4])
if ARGV[5] == '0' then
  redis.call('PERSIST', KEYS[1])
else
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
return 1
