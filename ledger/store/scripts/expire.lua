-- Settles one lease that nobody will settle: its time ran out, or its worker is known to be dead.
--
-- KEYS  1 lease  2 leases by deadline  3 settled record  4 stream
-- ARGV  1 request id  2 worker  3 attempt  4 note as it was read  5 deadline_ms as it was read
--       6 record made of that note  7 time to live of the settled record, ms
-- gives 1, or 0 when anything changed since the lease was read: a renewal, another attempt, or a
-- settlement won the race, and the next sweep will see what is left.

local held = redis.call('HMGET', KEYS[1], 'worker', 'attempt', 'note')
if held[1] ~= ARGV[2] or held[2] ~= ARGV[3] or held[3] ~= ARGV[4] then return 0 end
if tonumber(redis.call('ZSCORE', KEYS[2], ARGV[1])) ~= tonumber(ARGV[5]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
redis.call('SET', KEYS[3], ARGV[6], 'PX', ARGV[7])
redis.call('XADD', KEYS[4], '*', 'record', ARGV[6])
return 1
