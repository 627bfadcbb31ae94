-- Closes the lease and appends the record to the stream, once per request id.
--
-- KEYS  1 lease  2 leases by deadline  3 settled record  4 stream
-- ARGV  1 request id  2 worker  3 attempt  4 record  5 time to live of the settled record, ms
-- gives ledger.model.Settled: 1 already, 2 superseded, 3 settled.
--
-- The lease belongs to (attempt, worker). A later attempt may settle over an earlier one's lease (it
-- was refused, so it never took it over); an earlier attempt, or the same one in another worker, may
-- not. Without a lease (refused at admission, or Redis lost it) the record is kept all the same.

if redis.call('EXISTS', KEYS[3]) == 1 then return 1 end
local held = redis.call('HMGET', KEYS[1], 'attempt', 'worker')
if held[1] then
  local theirs, mine = tonumber(held[1]), tonumber(ARGV[3])
  if mine < theirs or (mine == theirs and held[2] ~= ARGV[2]) then return 2 end
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
end
redis.call('SET', KEYS[3], ARGV[4], 'PX', ARGV[5])
redis.call('XADD', KEYS[4], '*', 'record', ARGV[4])
return 3
