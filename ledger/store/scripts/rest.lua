-- Takes down that an upstream account failed, and for how long it rests; see ledger/cooldowns.py.
--
-- KEYS  1 rests of the account
-- ARGV  1 account  2 model, '' for the account as a whole  3 now_ms  4 told_ms, '' where nobody told
--       5 start_ms  6 most_ms  7 '1': it rests at once  8 status  9 reason  10 how long it is remembered, ms
-- gives what is kept now, as JSON.

local now, told = tonumber(ARGV[3]), tonumber(ARGV[4])
local kept = redis.call('HGET', KEYS[1], ARGV[2])
local rest = {account = ARGV[1], model = ARGV[2], until_ms = 0, failures = 0, since_ms = now}
if kept then
  local was = cjson.decode(kept)
  if math.max(was.until_ms, was.since_ms) + tonumber(ARGV[10]) > now then
    rest.until_ms, rest.failures, rest.since_ms = was.until_ms, was.failures, was.since_ms
  end
end
local fresh = rest.until_ms <= now -- what was under way when the rest began tells nothing new
if fresh then rest.failures = rest.failures + 1 end
local length = told
if not told and fresh then
  local doubled = rest.failures - (ARGV[7] == '1' and 1 or 2)
  if doubled >= 0 then length = math.min(tonumber(ARGV[5]) * 2 ^ math.min(doubled, 30), tonumber(ARGV[6])) end
end
if length then rest.until_ms = math.max(rest.until_ms, now + math.floor(length)) end
rest.status, rest.reason = tonumber(ARGV[8]), ARGV[9]
local text = cjson.encode(rest)
redis.call('HSET', KEYS[1], ARGV[2], text)
local left = math.max(rest.until_ms - now, 0) + tonumber(ARGV[10])
if redis.call('PTTL', KEYS[1]) < left then redis.call('PEXPIRE', KEYS[1], left) end
return text
