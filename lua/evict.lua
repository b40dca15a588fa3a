#!lua flags=allow-oom
--[[
Take a drop that is over out of Redis. The ledger has it in an epoch in which it is not here.

KEYS[1] meta         hash    epoch
KEYS[2] stock        hash    per SKU: available, held, sold (units), limit
KEYS[3] reservations hash    per id: state, customer, created, expires, order, lines
KEYS[4] deadlines    zset    per SKU and deadline: the ids that end then
KEYS[5] customers    hash    per customer: units used per SKU, ids of reservations
KEYS[6] keys         hash    per idempotency key: fingerprint, seq
KEYS[7] key_ages     zset    up to which seq keys may be forgotten, by when
KEYS[8] ended        zset    ended reservations by when they may leave
KEYS[9] journal      stream  what every call changed, in order
ARGV[1] epoch        the one that the ledger has; a drop that is here in it, or later, stays

Returns {OK}; {OTHER_EPOCH, epoch} when Redis has this epoch or a later one.
Journal: nothing; the old one is gone.
]]
-- include whole
-- include name_keys
local key = name_keys(KEYS)
-- What is no hash was written by no script and says nothing.
local known = redis.call('TYPE', key.meta).ok == 'hash' and redis.call('HGET', key.meta, 'epoch')
local epoch = tonumber(known or '0') or 0
if epoch >= whole(ARGV[1], 'epoch') then
  return { 'OTHER_EPOCH', tostring(epoch) }
end
redis.call('UNLINK', unpack(KEYS))
return { 'OK' }
