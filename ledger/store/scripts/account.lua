-- Sets an account, or only its mode, unless a newer setting is there.
--
-- KEYS  1 account
-- ARGV  1 version  2 '1': only where there is none  3 mode
--       4 credit, 5 allowance, 6 allowance_until_ms, 7 held, 8 and 9 the rank of the last turn of a plan;
--       or nothing: they stay
-- gives 1, or 0 when nothing was set.

local kept = redis.call('HMGET', KEYS[1], 'version', 'mode')
if ARGV[2] == '1' and kept[2] then return 0 end
if kept[1] and tonumber(kept[1]) > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'mode', ARGV[3])
if ARGV[4] then
  redis.call('HSET', KEYS[1], 'credit', ARGV[4], 'allowance', ARGV[5], 'allowance_until_ms', ARGV[6],
    'held', ARGV[7], 'turned', ARGV[8] .. ' ' .. ARGV[9])
  redis.call('HDEL', KEYS[1], 'turn')
end
return 1
