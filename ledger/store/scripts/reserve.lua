-- Is there a place for one more attempt at an upstream account? All or nothing.
--
-- KEYS  1 rests of the account  2 its probe for this model  3 attempts that run
--       4 bucket of requests  5 bucket of tokens
-- ARGV  1 attempt  2 now_ms  3 deadline_ms  4 model  5 '1': it is due, claim the probe  6 how long a
--       probe may take, ms  7 requests a minute  8 tokens a minute  9 at once, each '' for no limit
--       10 tokens
-- gives {1} or {0, wait_ms, what}. The same attempt asking twice is granted twice.
--
-- Buckets are those of admit.lua.

local now = tonumber(ARGV[2])
local wait, what = 0, ''

local function lacks(needed, name)
  if needed > wait then wait, what = needed, name end
end

for _, field in ipairs({ARGV[4], ''}) do
  local kept = redis.call('HGET', KEYS[1], field)
  if kept then lacks(cjson.decode(kept).until_ms - now, 'rest') end
end
if ARGV[5] == '1' and (redis.call('GET', KEYS[2]) or ARGV[1]) ~= ARGV[1] then
  lacks(math.max(redis.call('PTTL', KEYS[2]), 1), 'probe')
end
if ARGV[9] ~= '' and not redis.call('ZSCORE', KEYS[3], ARGV[1]) then
  if redis.call('ZCOUNT', KEYS[3], '(' .. ARGV[2], '+inf') >= tonumber(ARGV[9]) then lacks(100, 'concurrency') end
end

local function take(name, most, want, what_lacks)
  local level, at, was = string.match(redis.call('GET', name) or '', '^(%d+) (%d+) (%d+)$')
  level, at = tonumber(level or 0), tonumber(at or now)
  if was and tonumber(was) ~= most then level = math.min(level, most * 60000) end
  level = math.max(0, level - math.max(0, now - at) * most) + math.min(want, most) * 60000
  if level > most * 60000 then lacks(math.ceil(level / most) - 60000, what_lacks) end
  return {name, string.format('%.0f %.0f %.0f', level, math.max(now, at), most), math.ceil(level / most) + 60000}
end

local taken = {}
if ARGV[7] ~= '' then taken[#taken + 1] = take(KEYS[4], tonumber(ARGV[7]), 1, 'requests') end
if ARGV[8] ~= '' then taken[#taken + 1] = take(KEYS[5], tonumber(ARGV[8]), tonumber(ARGV[10]), 'tokens') end
if wait > 0 then return {0, wait, what} end

for _, one in ipairs(taken) do redis.call('SET', one[1], one[2], 'PX', one[3]) end
if ARGV[5] == '1' then redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[6]) end
if ARGV[9] ~= '' then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', ARGV[2])
  redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
  redis.call('PEXPIRE', KEYS[3], 172800000)
end
return {1}
