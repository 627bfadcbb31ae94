-- Forgets the rests of an account, for this model and as a whole: a request went well.
--
-- KEYS  1 rests of the account
-- ARGV  1 now_ms  2... models, '' for the account as a whole
-- gives those that are forgotten. One that rests by now stays: something failed since the request that
-- went well was sent.

local gone = {}
for i = 2, #ARGV do
  local kept = redis.call('HGET', KEYS[1], ARGV[i])
  if kept and cjson.decode(kept).until_ms <= tonumber(ARGV[1]) then
    redis.call('HDEL', KEYS[1], ARGV[i])
    gone[#gone + 1] = ARGV[i]
  end
end
return gone
