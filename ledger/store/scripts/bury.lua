-- Moves one entry that nobody can read out of the way, to be looked at by a person.
--
-- KEYS  1 stream  2 stream of the dead
-- ARGV  1 group  2 entry id  3 its content  4 how many of the dead are kept, about
-- gives 1, or 0 when somebody moved it before.

redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if redis.call('XDEL', KEYS[1], ARGV[2]) == 0 then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'record', ARGV[3], 'was', ARGV[2])
return 1
