-- Closes the lease, charges what it cost and appends the record to the stream, once per request id.
--
-- KEYS  1 lease  2 leases by deadline  3 settled record  4 stream  5 account
--       6... one for each limit that the lease counts against, as in admit.lua
-- ARGV  1 request id  2 worker  3 attempt  4 record  5 time to live of the settled record, ms
--       6 cost_micro  7 when the exchange began, ms  8 customer, '' where nobody pays
--       9 '1': an account that is not here is somewhere else; where there is a sweeper or a limit also
--       10 and 11 '' or, for a sweeper, the lease's note and its deadline as they were read
--       12 tokens used  13 when the exchange ended, ms  14 the limits as the lease remembers them, then
--       for each its kind (r, t, c, s) and most
-- gives ledger.model.Settled: 1 already, 2 superseded, 3 settled. 0: bring the account; {customer,
-- limits}: this is what the lease says, ask again with it. Neither has changed anything.
--
-- The lease belongs to (attempt, worker). A later attempt may settle over an earlier one's lease (it
-- was refused, so it never took it over); an earlier attempt, or the same one in another worker, may
-- not. Without a lease (refused at admission, or Redis lost it) the record is kept all the same. A
-- sweeper settles the lease that it read, and finds it superseded when anything changed since: a
-- renewal, another attempt, or a settlement won the race.
--
-- The cost is paid from the allowance, where the exchange began before that ended, then from the
-- credit: never from what other leases hold, so never below zero. What is left is uncollected. What was
-- admitted while the account was open is recorded only.

local sweeping = (ARGV[11] or '') ~= ''
local before = redis.call('EXISTS', KEYS[3]) == 1
if before and not sweeping then return 1 end
local lease = redis.call('HMGET', KEYS[1], 'attempt', 'worker', 'customer', 'held', 'limits')
if lease[1] then
  local theirs, mine = tonumber(lease[1]), tonumber(ARGV[3])
  if mine < theirs or (mine == theirs and lease[2] ~= ARGV[2]) then return 2 end
  local customer, limits = lease[3] or '', lease[5] or ''
  if (customer ~= ARGV[8] and customer ~= '') or limits ~= (ARGV[14] or '') then return {customer, limits} end
end
if sweeping then
  if not lease[1] or lease[1] ~= ARGV[3] or redis.call('HGET', KEYS[1], 'note') ~= ARGV[10] then return 2 end
  if tonumber(redis.call('ZSCORE', KEYS[2], ARGV[1])) ~= tonumber(ARGV[11]) then return 2 end
end

local cost = before and 0 or tonumber(ARGV[6])
local charges
if ARGV[8] ~= '' and (lease[4] or not lease[1]) then
  local account = redis.call('HMGET', KEYS[5], 'mode', 'credit', 'allowance', 'allowance_until_ms', 'held')
  if not account[1] and ARGV[9] == '1' then return 0 end
  local held = tonumber(lease[4] or 0)
  local others = math.max(0, tonumber(account[5] or 0) - held)
  if account[1] == 'prepaid' then
    local credit, allowance = tonumber(account[2] or 0), tonumber(account[3] or 0)
    local valid = tonumber(ARGV[7]) < tonumber(account[4] or 0) and allowance or 0
    local payable = math.max(0, math.min(cost, credit + valid - others))
    local from_allowance = math.min(payable, valid)
    local from_credit = payable - from_allowance
    charges = {from_credit, from_allowance, cost - payable}
    if held > 0 or payable > 0 then
      redis.call('HSET', KEYS[5], 'credit', credit - from_credit, 'allowance', allowance - from_allowance, 'held', others)
    end
  elseif held > 0 then
    redis.call('HSET', KEYS[5], 'held', others)
  end
end

if lease[1] then
  if #KEYS > 5 then
    local hold = redis.call('HMGET', KEYS[1], 'hold_micro', 'hold_tokens')
    for i = 1, #KEYS - 5 do
      local name, kind, most = KEYS[5 + i], ARGV[13 + 2 * i], ARGV[14 + 2 * i]
      if kind == 'c' then
        redis.call('ZREM', name, ARGV[1])
      elseif kind == 's' then
        local spent = redis.call('GET', name)
        if spent then
          redis.call('SET', name, math.max(0, tonumber(spent) - tonumber(hold[1]) + cost), 'KEEPTTL')
        end
      elseif kind == 't' then
        local reserved = math.max(1, math.min(tonumber(hold[2]), tonumber(most)))
        local level, at, was = string.match(redis.call('GET', name) or '0 0 ' .. most, '^(%d+) (%d+) (%d+)$')
        was = tonumber(was)
        local ended = math.max(tonumber(at), tonumber(ARGV[13]))
        level = math.max(0, tonumber(level) - (ended - tonumber(at)) * was)
        level = math.max(0, math.min(level + (tonumber(ARGV[12]) - reserved) * 60000, 4e15))
        redis.call('SET', name, string.format('%.0f %.0f %.0f', level, ended, was), 'PX', math.ceil(level / was) + 60000)
      end
    end
  end
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
end
if before then return 2 end

if charges then
  local text = string.format('%.0f %.0f %.0f', unpack(charges))
  redis.call('SET', KEYS[3], ARGV[4] .. '\n' .. text, 'PX', ARGV[5])
  redis.call('XADD', KEYS[4], '*', 'record', ARGV[4], 'credit', charges[1], 'allowance', charges[2], 'uncollected', charges[3])
else
  redis.call('SET', KEYS[3], ARGV[4], 'PX', ARGV[5])
  redis.call('XADD', KEYS[4], '*', 'record', ARGV[4])
end
return 3
