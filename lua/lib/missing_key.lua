-- include sentinel_of
-- The name of the first of the drop's keys that is absent or of another epoch; nil if none
-- is. An absent hash would otherwise read as "no holds, no limits used". `fields` and `found` are
-- those of `sentinel_of`.
local function missing_key(key, epoch, fields, found)
  if sentinel_of(key, 'stock', fields, found) ~= epoch then
    return 'stock'
  elseif redis.call('HGET', key.reservations, '!') ~= epoch then
    return 'reservations'
  elseif sentinel_of(key, 'customers', fields, found) ~= epoch then
    return 'customers'
  elseif sentinel_of(key, 'keys', fields, found) ~= epoch then
    return 'keys'
  end
  local member = '!' .. epoch
  if not redis.call('ZSCORE', key.deadlines, member) then
    return 'deadlines'
  elseif not redis.call('ZSCORE', key.ended, member) then
    return 'ended'
  elseif not redis.call('ZSCORE', key.key_ages, member) then
    return 'key_ages'
  elseif redis.call('XLEN', key.journal) == 0 then
    -- Trimming always leaves the last entry, so an empty journal is a lost one.
    return 'journal'
  end
  return nil
end
