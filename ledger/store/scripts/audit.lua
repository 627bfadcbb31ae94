-- Some accounts of a shard, what leases hold of them, and how far the stream goes, all of one moment.
--
-- KEYS  1 stream  2 leases by deadline  3... accounts
-- ARGV  1 what the name of a lease begins with
-- gives {now_ms, last id of the stream, {of each account: mode, credit, allowance, allowance_until_ms,
-- held, turned, mended}, {customer, held, ... of each lease}}. Changes nothing.
--
-- The leases are those that the second key names, in the same slot: nobody can name them before without
-- missing some, and an audit has to see all.

local time = redis.call('TIME')
local now_ms = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))

local last = '0-0'
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if not info.err then
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then last = info[i + 1] end
  end
end

local accounts = {}
for i = 3, #KEYS do
  accounts[#accounts + 1] =
    redis.call('HMGET', KEYS[i], 'mode', 'credit', 'allowance', 'allowance_until_ms', 'held', 'turned', 'mended')
end

local holds = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local lease = redis.call('HMGET', ARGV[1] .. id, 'customer', 'held')
  if lease[1] and lease[1] ~= '' and lease[2] and lease[2] ~= '0' then
    holds[#holds + 1] = lease[1]
    holds[#holds + 1] = lease[2]
  end
end
return {now_ms, last, accounts, holds}
