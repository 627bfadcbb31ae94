-- Ends what is left of an allowance and begins the next one, once per turn id and in the order of turns.
--
-- KEYS  1 account  2 mark of the turn
-- ARGV  1 turn id  2 and 3 its rank: of its plan, and within it  4 allowance_micro of the period that
--       begins  5 until when it is valid, ms; 0: the plan is over  6 now_ms  7 time to live of the mark,
--       ms  8 '1': an account that is not here is somewhere else
-- gives {ledger.plans.Turning, taken_micro, carried_micro, the turn before}: 1 already, 2 superseded,
-- 3 turned. 0: bring the account. A turn that was made is `id granted_micro taken_micro`, or nothing.
--
-- Holds were granted on this allowance. What of them the credit does not cover is carried over, so that
-- requests which run across the turn are paid.

local mark = redis.call('GET', KEYS[2])
if mark then
  local taken, carried, before = string.match(mark, '^(%d+) (%d+) ?(.*)$')
  return {1, tonumber(taken), tonumber(carried), before}
end
local account = redis.call('HMGET', KEYS[1],
  'mode', 'credit', 'allowance', 'allowance_until_ms', 'held', 'turned', 'turn')
if not account[1] and ARGV[8] == '1' then return 0 end
local plan, turn = string.match(account[6] or '', '^(%-?%d+) (%-?%d+)$')
if plan then
  local later = tonumber(ARGV[2]) - tonumber(plan)
  if later == 0 then later = tonumber(ARGV[3]) - tonumber(turn) end
  if later <= 0 then return {2, 0, 0, ''} end
end
local allowance = tonumber(account[3] or 0)
local needed = math.max(0, tonumber(account[5] or 0) - tonumber(account[2] or 0))
local carried = math.min(allowance, needed)
local taken = allowance - carried
local ending, before = tonumber(ARGV[5]), account[7] or ''
if ending == 0 then ending = math.min(tonumber(account[4] or 0), tonumber(ARGV[6])) end
redis.call('HSET', KEYS[1], 'allowance', carried + tonumber(ARGV[4]), 'allowance_until_ms', ending,
  'turned', ARGV[2] .. ' ' .. ARGV[3], 'turn', string.format('%s %s %.0f', ARGV[1], ARGV[4], taken))
redis.call('SET', KEYS[2], string.format('%.0f %.0f %s', taken, carried, before), 'PX', ARGV[7])
return {3, taken, carried, before}
