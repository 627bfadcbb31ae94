-- Keeps values under their keys, each for the same time, in place of what was there. A customer's
-- share of the memory is limited: beyond it what he left longest ago makes room.
--
-- KEYS  1 index of the customer: keys in the order of their last writing
--       2 sizes by key; '' is their sum, '#' the number of the last writing
--       3 ... keys
-- ARGV  1 time to live in seconds  2 quota in bytes  3 what an entry takes beside its value
--       4 ... values, in the order of the keys
-- gives how many made room.
--
-- What has run out of time or was overwritten by nobody still counts, but it is the oldest, so it is
-- the first that makes room.

local index, sizes = KEYS[1], KEYS[2]
local total = tonumber(redis.call('HGET', sizes, '') or '0')
for i = 3, #KEYS do
  local key, value = KEYS[i], ARGV[i + 1]
  local size = #value + tonumber(ARGV[3])
  redis.call('SET', key, value, 'EX', ARGV[1])
  total = total - tonumber(redis.call('HGET', sizes, key) or '0') + size
  redis.call('HSET', sizes, key, size)
  redis.call('ZADD', index, redis.call('HINCRBY', sizes, '#', 1), key)
end
local gone = 0
while total > tonumber(ARGV[2]) do
  local oldest = redis.call('ZPOPMIN', index)[1]
  if not oldest then break end
  total = total - tonumber(redis.call('HGET', sizes, oldest) or '0')
  redis.call('HDEL', sizes, oldest)
  redis.call('UNLINK', oldest)
  gone = gone + 1
end
redis.call('HSET', sizes, '', total)
redis.call('EXPIRE', index, ARGV[1])
redis.call('EXPIRE', sizes, ARGV[1])
return gone
