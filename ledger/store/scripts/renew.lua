-- A sign of life: moves the deadline and replaces the note with what is metered by now.
--
-- KEYS  1 lease  2 leases by deadline
-- ARGV  1 request id  2 worker  3 attempt, or 0 for any of this worker  4 deadline_ms  5 note
-- gives 1, or 0 when the lease is no longer this worker's: lapsed, settled or taken over.

local held = redis.call('HMGET', KEYS[1], 'worker', 'attempt')
if held[1] ~= ARGV[2] then return 0 end
if ARGV[3] ~= '0' and held[2] ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], 'note', ARGV[5])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
return 1
