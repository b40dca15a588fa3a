#!lua flags=allow-oom
--[[
Let go of the part of the journal that is in the ledger, and note how far the ledger is: a
ledger that is later found below that mark has gone back in time.

KEYS[1] meta         hash    epoch, durable_seq
KEYS[2] journal      stream  what every call changed, in order
ARGV[1] epoch        the caller's; another one changes nothing
ARGV[2] durable_seq  the last seq of an entry that is in the ledger; it stays, as the last one left

Returns {OK}, {OTHER_EPOCH}.
Journal: nothing.
]]
-- include whole
local durable_seq = whole(ARGV[2], 'durable_seq')
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  return { 'OTHER_EPOCH' }
end
local marked = tonumber(redis.call('HGET', KEYS[1], 'durable_seq') or '0')
if durable_seq > marked then
  redis.call('HSET', KEYS[1], 'durable_seq', ARGV[2])
  redis.call('XTRIM', KEYS[2], 'MINID', '~', ARGV[1] .. '-' .. ARGV[2])
end
return { 'OK' }
