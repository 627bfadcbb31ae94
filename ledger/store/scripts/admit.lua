-- May this attempt run? All or nothing, in one round trip.
--
-- KEYS  1 key facts  2 lease  3 leases by deadline  4 settled record
-- ARGV  1 request id  2 worker  3 attempt  4 now_ms  5 deadline_ms  6 note  7 hold_micro  8 hold_tokens
-- gives {verdict, facts or false, retry_after_ms, granted_micro}; verdicts are ledger.model.Verdict,
-- tested in their order of precedence.
--
-- Attempts of one request share the lease. A later attempt takes it over (its worker retries what
-- another one left behind); an earlier one that arrives late is told that it is a duplicate. The same
-- attempt asking twice is admitted twice: its first reply may have been lost. A refusal changes
-- nothing: the lease of an earlier attempt stays, to be settled by this one's refusal or by expiry.

local key = redis.call('HMGET', KEYS[1], 'facts', 'disabled', 'expires_at_ms')
local facts = key[1]
if not facts or facts == '' then return {1, false, 0, 0} end
if key[2] == '1' then return {2, facts, 0, 0} end
if key[3] ~= '' and tonumber(key[3]) <= tonumber(ARGV[4]) then return {3, facts, 0, 0} end
if redis.call('EXISTS', KEYS[4]) == 1 then return {4, facts, 0, 0} end
local held = redis.call('HGET', KEYS[2], 'attempt')
if held and tonumber(held) > tonumber(ARGV[3]) then return {4, facts, 0, 0} end

redis.call('HSET', KEYS[2], 'worker', ARGV[2], 'attempt', ARGV[3], 'note', ARGV[6],
  'hold_micro', ARGV[7], 'hold_tokens', ARGV[8])
redis.call('ZADD', KEYS[3], ARGV[5], ARGV[1])
return {10, facts, 0, tonumber(ARGV[7])}
