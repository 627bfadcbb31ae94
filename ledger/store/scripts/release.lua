-- An attempt has left its upstream account: its place is free, and its tokens are what they were.
--
-- KEYS  1 attempts that run  2 bucket of tokens  3 probe
-- ARGV  1 attempt  2 now_ms  3 tokens a minute, '' for no limit  4 tokens reserved  5 tokens used
-- gives 1.

redis.call('ZREM', KEYS[1], ARGV[1])
if redis.call('GET', KEYS[3]) == ARGV[1] then redis.call('DEL', KEYS[3]) end
local kept = ARGV[3] ~= '' and redis.call('GET', KEYS[2])
if kept then
  local level, at, was = string.match(kept, '^(%d+) (%d+) (%d+)$')
  level, at, was = tonumber(level), tonumber(at), tonumber(was)
  local ended = math.max(at, tonumber(ARGV[2]))
  local reserved = math.min(tonumber(ARGV[4]), tonumber(ARGV[3]))
  level = math.max(0, level - (ended - at) * was)
  level = math.max(0, math.min(level + (tonumber(ARGV[5]) - reserved) * 60000, 4e15))
  redis.call('SET', KEYS[2], string.format('%.0f %.0f %.0f', level, ended, was), 'PX', math.ceil(level / was) + 60000)
end
return 1
