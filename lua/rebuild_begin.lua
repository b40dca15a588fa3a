#!lua flags=allow-oom
--[[
Begin to rebuild a drop from the ledger: everything of older epochs goes, and no other script
does anything until the rebuild is finished.

KEYS[1] meta         hash    epoch, phase, token, progress_ms and the settings
KEYS[2] stock        hash    per SKU: available, held, sold (units), limit
KEYS[3] reservations hash    per id: state, customer, created, expires, order, lines
KEYS[4] deadlines    zset    per SKU and deadline: the ids that end then
KEYS[5] customers    hash    per customer: units used per SKU, ids of reservations
KEYS[6] keys         hash    per idempotency key: fingerprint, seq
KEYS[7] key_ages     zset    up to which seq keys may be forgotten, by when
KEYS[8] ended        zset    ended reservations by when they may leave
KEYS[9] journal      stream  what every call changed, in order
ARGV[1] epoch        the new one, which the ledger has already; Redis must be below it
ARGV[2] token        names this rebuilder

Returns {OK, now_ms}; {OTHER_EPOCH, epoch} when Redis has this epoch or a later one.
Journal: nothing; the old one is gone.
]]
-- include whole
-- include name_keys
-- include server_ms
-- include shares_protocol
-- Redis searches a hash of short values from its front, and meta is read and written by every call.
-- One value of more than 64 bytes makes it a table.
local ABOUT = 'a drop of Dropgate; lua/README.md says what is in its keys, and who may write them'
local key = name_keys(KEYS)
-- What is no hash, or no number, was written by no script and says nothing.
local meta = redis.call('TYPE', key.meta).ok == 'hash'
  and redis.call('HMGET', key.meta, 'epoch', 'skew_ms') or {}
local epoch = tonumber(meta[1] or '0') or 0
if epoch >= whole(ARGV[1], 'epoch') then
  return { 'OTHER_EPOCH', tostring(epoch) }
end
local skew = tonumber(meta[2] or '0') and meta[2] or '0'
redis.call('UNLINK', unpack(KEYS))
redis.call('HSET', key.meta, 'epoch', ARGV[1], 'phase', 'rebuilding', 'token', ARGV[2],
  'progress_ms', server_ms(), 'skew_ms', skew, 'protocol', PROTOCOL, 'shares_from', SHARES_FROM,
  'about', ABOUT)
return { 'OK', tostring(server_ms() + tonumber(skew)) }
