-- Corrects an account by differences, once: right whatever happens to it meanwhile.
--
-- KEYS  1 account  2 mark of the correction
-- ARGV  1 credit, 2 allowance, 3 held: what is added  4 allowance_until_ms, or '' to leave it
--       5 time to live of the mark, ms
-- gives ledger.model.Applied: 1 refused, as something would be below zero or the account is gone;
-- 2 already; 3 applied.

if redis.call('EXISTS', KEYS[2]) == 1 then return 2 end
local account = redis.call('HMGET', KEYS[1], 'mode', 'credit', 'allowance', 'held')
if not account[1] then return 1 end
local values = {}
for i = 1, 3 do
  values[i] = tonumber(account[i + 1] or 0) + tonumber(ARGV[i])
  if values[i] < 0 then return 1 end
end
redis.call('HSET', KEYS[1], 'credit', values[1], 'allowance', values[2], 'held', values[3])
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'allowance_until_ms', ARGV[4]) end
redis.call('SET', KEYS[2], 3, 'PX', ARGV[5])
return 3
