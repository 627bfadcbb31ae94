-- Deletes what is kept under a key.
--
-- KEYS  1 index of the customer  2 sizes  3 key; see keep.lua
-- gives 1, or 0 when there was nothing.

local size = redis.call('HGET', KEYS[2], KEYS[3])
if size then
  redis.call('ZREM', KEYS[1], KEYS[3])
  redis.call('HDEL', KEYS[2], KEYS[3])
  redis.call('HINCRBY', KEYS[2], '', -tonumber(size))
end
return redis.call('UNLINK', KEYS[3])
