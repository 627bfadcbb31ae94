-- Applies one entry to a pot of an account, once per entry id.
--
-- KEYS  1 account  2 mark of the entry
-- ARGV  1 pot (credit or allowance)  2 amount_micro, below zero where money goes  3 now_ms
--       4 time to live of the mark, ms  5 '1': an account that is not here is somewhere else
-- gives ledger.model.Applied: 1 refused, 2 already, 3 applied. 0: bring the account.
--
-- What goes out goes out whole or not at all: the pot has it, and open holds do not need it.

local mark = redis.call('GET', KEYS[2])
if mark then return mark == '1' and 1 or 2 end
local account = redis.call('HMGET', KEYS[1], 'mode', 'credit', 'allowance', 'allowance_until_ms', 'held')
if not account[1] and ARGV[5] == '1' then return 0 end
local pots = {credit = tonumber(account[2] or 0), allowance = tonumber(account[3] or 0)}
local amount, free = tonumber(ARGV[2]), pots[ARGV[1]]
local held = tonumber(account[5] or 0)
if ARGV[1] == 'allowance' then
  free = free - math.max(0, held - pots.credit)
else
  local valid = tonumber(ARGV[3]) < tonumber(account[4] or 0) and pots.allowance or 0
  free = free - math.max(0, held - valid)
end
local result = 3
if amount < 0 and free + amount < 0 then
  result = 1
else
  redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
end
redis.call('SET', KEYS[2], result, 'PX', ARGV[4])
return result
