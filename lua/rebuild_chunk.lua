#!lua flags=allow-oom
--[[
Bring one chunk of a drop's state back from the ledger. Every chunk checks that the rebuild it
belongs to is still the one under way.

KEYS[1] meta         hash    epoch, phase, token, progress_ms and the settings
KEYS[2] stock        hash    per SKU: available, held, sold (units), limit
KEYS[3] reservations hash    per id: state, customer, created, expires, order, lines
KEYS[4] deadlines    zset    per SKU and deadline: the ids that end then
KEYS[5] customers    hash    per customer: units used per SKU, ids of reservations
KEYS[6] keys         hash    per idempotency key: fingerprint, seq
KEYS[7] key_ages     zset    up to which seq keys may be forgotten, by when
KEYS[8] ended        zset    ended reservations by when they may leave
KEYS[9] journal      stream  what every call changed, in order
ARGV[1] epoch        of the rebuild
ARGV[2] token        of the rebuilder
ARGV[3] name         meta, stock, reservations, deadlines, customers, keys, key_ages or ended
ARGV[4…] values      field and value of a hash; score and member of a sorted set; none only
                     shows that the rebuilder lives

Returns {OK}; {OTHER_EPOCH} when another rebuild or none is under way.
Journal: nothing.
]]
-- include name_keys
-- include server_ms
-- include call_in_chunks
local key = name_keys(KEYS)
local meta = redis.call('HMGET', key.meta, 'epoch', 'phase', 'token')
if meta[1] ~= ARGV[1] or meta[2] ~= 'rebuilding' or meta[3] ~= ARGV[2] then
  return { 'OTHER_EPOCH' }
end
local name = ARGV[3]
local sorted = name == 'deadlines' or name == 'key_ages' or name == 'ended'
call_in_chunks(sorted and 'ZADD' or 'HSET', key[name], ARGV, 4)
redis.call('HSET', key.meta, 'progress_ms', server_ms())
return { 'OK' }
