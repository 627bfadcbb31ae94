-- Removes entries that SQL has: acknowledged and deleted together, so that none is left behind as
-- deleted but pending, or the other way round.
--
-- KEYS  1 stream
-- ARGV  1 group  2... entry ids
-- gives how many were deleted.

local ids = {}
for i = 2, #ARGV do ids[#ids + 1] = ARGV[i] end
redis.call('XACK', KEYS[1], ARGV[1], unpack(ids))
return redis.call('XDEL', KEYS[1], unpack(ids))
