-- Raises what was spent in a period to what SQL knows of it. What Redis has more is held by requests
-- that run, or on its way to SQL, and stays: saying it twice, or late, takes nothing away.
--
-- KEYS  1 spend of the period
-- ARGV  1 micro-USD by SQL  2 time to live, ms
-- gives 1 where it was raised, else 0.

if tonumber(redis.call('GET', KEYS[1]) or 0) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
