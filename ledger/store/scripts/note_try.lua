-- Takes down in the lease what became of an attempt, for the next one to know.
--
-- KEYS  1 lease
-- ARGV  1 worker  2 attempt  3 what became of it
-- gives 1, or 0 where the lease is not this attempt's.

local lease = redis.call('HMGET', KEYS[1], 'worker', 'attempt')
if lease[1] ~= ARGV[1] or lease[2] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'try:' .. ARGV[2], ARGV[3])
return 1
