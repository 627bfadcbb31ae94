-- May this attempt run, and on how much money? All or nothing, in one round trip.
--
-- KEYS  1 key facts  2 lease  3 leases by deadline  4 settled record  5 account
--       6... one for each limit: bucket, requests that run, or spend of the period
-- ARGV  1 request id  2 worker  3 attempt  4 now_ms  5 deadline_ms  6 note  7 hold_micro  8 hold_tokens
--       9 least that is worth holding  10 customer, '' where nobody pays  11 '1': an account that is not
--       here is somewhere else  12 the limits as the lease remembers them, or nothing; then for each
--       its kind (r, t, c, s), most, and the end of its period
-- gives {verdict, facts or false, retry_after_ms, granted_micro} and, where there is money or a limit,
-- {... balance or false, number of the limit that refused or 0, then remaining and reset_ms of each}.
-- {4, facts, 0, record}: settled already, with this. Verdicts are ledger.model.Verdict, tested in their
-- order of precedence. {0, false}: bring the account;
-- {0, limits}: the lease of an earlier attempt counts against these: ask again with them.
--
-- Attempts of one request share the lease, with what it holds and where it counts. A later attempt
-- takes it over (its worker retries what another one left behind); an earlier one that arrives late
-- is told that it is a duplicate. The same attempt asking twice is admitted twice: its first reply may
-- have been lost. A refusal changes nothing: the lease of an earlier attempt stays, to be settled by
-- this one's refusal or by expiry.
--
-- Buckets are GCRA (ITU-T I.371) as a continuous-state leaky bucket, exact in integers: `level at most`
-- says that at the time `at` there was level / 60000 of a minute's `most` to be waited for.

local now = tonumber(ARGV[4])

local key = redis.call('HMGET', KEYS[1], 'facts', 'disabled', 'expires_at_ms')
local facts = key[1]
if not facts or facts == '' then return {1, false, 0, 0} end
if key[2] == '1' then return {2, facts, 0, 0} end
if key[3] ~= '' and tonumber(key[3]) <= now then return {3, facts, 0, 0} end
local settled = redis.call('GET', KEYS[4])
if settled then return {4, facts, 0, settled} end
local lease = redis.call('HMGET', KEYS[2], 'attempt', 'hold_micro', 'held', 'limits')
if lease[1] then
  if tonumber(lease[1]) > tonumber(ARGV[3]) then return {4, facts, 0, 0} end
  if (lease[4] or '') ~= (ARGV[12] or '') then return {0, lease[4] or ''} end
end

local balance, granted, least = false, tonumber(ARGV[7]), tonumber(ARGV[9])
if ARGV[10] ~= '' then
  local account = redis.call('HMGET', KEYS[5], 'mode', 'credit', 'allowance', 'allowance_until_ms', 'held')
  if not account[1] and ARGV[11] == '1' then return {0, false} end
  if account[1] == 'prepaid' then
    local valid = now < tonumber(account[4] or 0) and tonumber(account[3] or 0) or 0
    balance = math.max(0, tonumber(account[2] or 0) + valid - tonumber(account[5] or 0))
    if lease[1] then balance = balance + tonumber(lease[3] or 0) end
  end
end

-- Every limit is looked at before any is taken.
local states, found, levels = {}, {}, {}
local refused, wait, cap = 0, 0, granted
for i = 1, #KEYS - 5 do
  local name, kind, most, ending = KEYS[5 + i], ARGV[10 + 3 * i], tonumber(ARGV[11 + 3 * i]), ARGV[12 + 3 * i]
  local remaining, reset, needed = 0, 0, 0
  if kind == 'c' then
    found[i] = redis.call('ZCOUNT', name, '(' .. ARGV[4], '+inf')
    remaining = most - found[i]
    if remaining < 1 then needed = 1000 end -- nobody knows: ask again in a second
  elseif kind == 's' then
    found[i] = tonumber(redis.call('GET', name) or 0)
    remaining, reset = math.max(0, most - found[i]), ending - now
    if remaining < least then needed = reset end
    cap = math.min(cap, remaining)
  else
    local level, at, was = string.match(redis.call('GET', name) or '', '^(%d+) (%d+) (%d+)$')
    level, at = tonumber(level or 0), tonumber(at or now)
    if was and tonumber(was) ~= most then level = math.min(level, most * 60000) end
    level = math.max(0, level - math.max(0, now - at) * most)
    local want = kind == 'r' and 1 or math.max(1, math.min(tonumber(ARGV[8]), most))
    found[i], levels[i] = math.max(now, at), level + want * 60000
    remaining = math.floor((most * 60000 - level) / 60000)
    if most == 0 then
      reset, needed = 60000, 60000
    else
      reset = math.ceil(level / most)
      if levels[i] > most * 60000 then needed = math.ceil(levels[i] / most) - 60000 end
    end
  end
  states[2 * i - 1], states[2 * i] = math.max(0, remaining), reset
  if needed > wait then refused, wait = i, needed end
end

if lease[1] then
  redis.call('HSET', KEYS[2], 'worker', ARGV[2], 'attempt', ARGV[3], 'note', ARGV[6])
  redis.call('ZADD', KEYS[3], ARGV[5], ARGV[1])
  for i = 1, #KEYS - 5 do
    if ARGV[10 + 3 * i] == 'c' then redis.call('ZADD', KEYS[5 + i], ARGV[5], ARGV[1]) end
  end
  return {10, facts, 0, tonumber(lease[2]), balance, 0, unpack(states)}
end
if balance then
  if math.min(granted, balance) < least then return {5, facts, 0, 0, balance, 0, unpack(states)} end
  cap = math.min(cap, balance)
end
if refused > 0 then return {6, facts, wait, 0, balance, refused, unpack(states)} end

granted = cap
redis.call('ZADD', KEYS[3], ARGV[5], ARGV[1])
redis.call('HSET', KEYS[2], 'worker', ARGV[2], 'attempt', ARGV[3], 'note', ARGV[6],
  'hold_micro', granted, 'hold_tokens', ARGV[8], 'customer', ARGV[10])
if balance then
  redis.call('HSET', KEYS[2], 'held', granted)
  if granted > 0 then redis.call('HINCRBY', KEYS[5], 'held', granted) end
end
if not ARGV[12] then
  if balance then return {10, facts, 0, granted, balance} end
  return {10, facts, 0, granted}
end

redis.call('HSET', KEYS[2], 'limits', ARGV[12])
for i = 1, #KEYS - 5 do
  local name, kind, most, ending = KEYS[5 + i], ARGV[10 + 3 * i], tonumber(ARGV[11 + 3 * i]), ARGV[12 + 3 * i]
  if kind == 'c' then
    redis.call('ZREMRANGEBYSCORE', name, '-inf', ARGV[4])
    redis.call('ZADD', name, ARGV[5], ARGV[1])
    redis.call('PEXPIRE', name, 172800000)
    states[2 * i - 1] = most - found[i] - 1
  elseif kind == 's' then
    redis.call('SET', name, found[i] + granted, 'PX', ending - now + 172800000)
    states[2 * i - 1] = math.max(0, most - found[i] - granted)
  else
    local level = levels[i]
    states[2 * i - 1], states[2 * i] = math.floor((most * 60000 - level) / 60000), math.ceil(level / most)
    redis.call('SET', name, string.format('%.0f %.0f %.0f', level, found[i], most), 'PX', states[2 * i] + 60000)
  end
end
return {10, facts, 0, granted, balance, 0, unpack(states)}
