#!lua flags=allow-oom
--[[
Open a rebuilt drop, if everything that the ledger has is there.

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
ARGV[3] skus         fields that stock must have
ARGV[4] reservations fields that reservations must have
ARGV[5] customers    fields that customers must have
ARGV[6] keys         fields that keys must have
ARGV[7] deadlines    members that deadlines must have
ARGV[8] ended        members that ended must have
ARGV[9] key_ages     members that key_ages must have
ARGV[10] held        units that all SKUs together hold
ARGV[11] sold        units that all SKUs together have sold

Returns {OK, opened_ms}; {OTHER_EPOCH} when another rebuild or none is under way; {INCOMPLETE,
name, found} when something is missing: the drop stays closed to everybody.
Journal: one entry without events, so that a journal is never empty.
]]
-- include name_keys
-- include server_ms
local key = name_keys(KEYS)
local meta = redis.call('HMGET', key.meta, 'epoch', 'phase', 'token', 'seq', 'chain', 'skew_ms')
if meta[1] ~= ARGV[1] or meta[2] ~= 'rebuilding' or meta[3] ~= ARGV[2] then
  return { 'OTHER_EPOCH' }
end
for i, name in ipairs({ 'stock', 'reservations', 'customers', 'keys', 'deadlines', 'ended',
  'key_ages' }) do
  local found = redis.call(i <= 4 and 'HLEN' or 'ZCARD', key[name])
  if found ~= tonumber(ARGV[i + 2]) then
    return { 'INCOMPLETE', name, tostring(found) }
  end
end
local held, sold = 0, 0
for _, packed in ipairs(redis.call('HVALS', key.stock)) do
  local h, s = string.match(packed, '^%d+ (%d+) (%d+) ')
  held, sold = held + tonumber(h), sold + tonumber(s)
end
if held ~= tonumber(ARGV[10]) or sold ~= tonumber(ARGV[11]) then
  return { 'INCOMPLETE', 'units', held .. ' held, ' .. sold .. ' sold' }
end
for _, name in ipairs({ 'stock', 'reservations', 'customers', 'keys' }) do
  redis.call('HSET', key[name], '!', ARGV[1])
end
for _, name in ipairs({ 'deadlines', 'ended', 'key_ages' }) do
  -- Scored so that no range that is worked off meets it; deadlines all have score 0.
  redis.call('ZADD', key[name], name == 'deadlines' and '0' or '+inf', '!' .. ARGV[1])
end
redis.call('XADD', key.journal, ARGV[1] .. '-' .. meta[4], 'v', '1', 'n', 0, 'p', meta[5], 'c',
  meta[5], 't', server_ms(), 'e', '')
local now = string.format('%.0f', server_ms() + (tonumber(meta[6]) or 0))
redis.call('HSET', key.meta, 'phase', 'open', 'opened_ms', now)
return { 'OK', now }
