-- A sign of life: moves the deadline and replaces the note with what is metered by now.
--
-- KEYS  1 lease  2 leases by deadline  3... where the request counts as running
-- ARGV  1 request id  2 worker  3 attempt, or 0 for any of this worker  4 deadline_ms  5 note
--       6 the limits as the lease remembers them, or nothing
-- gives 1, or 0 when the lease is no longer this worker's: lapsed, settled or taken over. The limits,
-- when they are others: ask again with these, nothing has changed.

local held = redis.call('HMGET', KEYS[1], 'worker', 'attempt', 'limits')
if held[1] ~= ARGV[2] then return 0 end
if ARGV[3] ~= '0' and held[2] ~= ARGV[3] then return 0 end
if (held[3] or '') ~= (ARGV[6] or '') then return held[3] or '' end
redis.call('HSET', KEYS[1], 'note', ARGV[5])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
for i = 3, #KEYS do
  redis.call('ZADD', KEYS[i], ARGV[4], ARGV[1])
  redis.call('PEXPIRE', KEYS[i], 172800000)
end
return 1
