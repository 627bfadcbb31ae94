-- Ends what is left of an allowance and begins the next one, once per turn id.
--
-- KEYS  1 account  2 mark of the turn
-- ARGV  1 allowance_micro of the period that begins  2 until when it is valid, ms; 0: the plan is over
--       3 now_ms  4 time to live of the mark, ms  5 '1': an account that is not here is somewhere else
-- gives {1 or, told again, 0, taken_micro, carried_micro}. 0: bring the account.
--
-- Holds were granted on this allowance. What of them the credit does not cover is carried over, so that
-- requests which run across the turn are paid.

local mark = redis.call('GET', KEYS[2])
if mark then
  local taken, carried = string.match(mark, '^(%d+) (%d+)$')
  return {0, tonumber(taken), tonumber(carried)}
end
local account = redis.call('HMGET', KEYS[1], 'mode', 'credit', 'allowance', 'allowance_until_ms', 'held')
if not account[1] and ARGV[5] == '1' then return 0 end
local allowance = tonumber(account[3] or 0)
local needed = math.max(0, tonumber(account[5] or 0) - tonumber(account[2] or 0))
local carried = math.min(allowance, needed)
local taken = allowance - carried
local ending = tonumber(ARGV[2])
if ending == 0 then ending = math.min(tonumber(account[4] or 0), tonumber(ARGV[3])) end
redis.call('HSET', KEYS[1], 'allowance', carried + tonumber(ARGV[1]), 'allowance_until_ms', ending)
redis.call('SET', KEYS[2], string.format('%.0f %.0f', taken, carried), 'PX', ARGV[4])
return {1, taken, carried}
