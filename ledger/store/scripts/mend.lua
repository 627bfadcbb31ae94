-- Corrects an account by differences: right whatever happens to it meanwhile but another correction.
--
-- KEYS  1 account  2 mark of the correction
-- ARGV  1 credit, 2 allowance, 3 held: what is added  4 allowance_until_ms, or '' to leave it
--       5 time to live of the mark, ms  6 and 7 the rank of the last turn of a plan, unless a later one
--       is there  8 how often it had been corrected when it was looked at
-- gives ledger.model.Applied: 1 refused, as something would be below zero or the account is gone;
-- 2 already, or somebody else was faster: look again; 3 applied.

if redis.call('EXISTS', KEYS[2]) == 1 then return 2 end
local account = redis.call('HMGET', KEYS[1], 'mode', 'credit', 'allowance', 'held', 'turned', 'mended')
if not account[1] then return 1 end
if tonumber(account[6] or 0) ~= tonumber(ARGV[8]) then return 2 end
local values = {}
for i = 1, 3 do
  values[i] = tonumber(account[i + 1] or 0) + tonumber(ARGV[i])
  if values[i] < 0 then return 1 end
end
redis.call('HSET', KEYS[1], 'credit', values[1], 'allowance', values[2], 'held', values[3],
  'mended', ARGV[8] + 1)
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'allowance_until_ms', ARGV[4]) end
local plan, turn = string.match(account[5] or '', '^(%-?%d+) (%-?%d+)$')
local later = plan and tonumber(ARGV[6]) - tonumber(plan) or 1
if later == 0 then later = tonumber(ARGV[7]) - tonumber(turn) end
if later > 0 then redis.call('HSET', KEYS[1], 'turned', ARGV[6] .. ' ' .. ARGV[7]) end
redis.call('SET', KEYS[2], 3, 'PX', ARGV[5])
return 3
