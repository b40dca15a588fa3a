-- The name of the first of the drop's keys that is absent or of another epoch; nil if none
-- is. An absent hash would otherwise read as "no holds, no limits used".
local function missing_key(key, epoch)
  local sentinel = '!' .. epoch
  for _, name in ipairs({ 'stock', 'reservations', 'customers', 'keys' }) do
    if redis.call('HGET', key[name], '!') ~= epoch then
      return name
    end
  end
  for _, name in ipairs({ 'deadlines', 'ended', 'key_ages' }) do
    if not redis.call('ZSCORE', key[name], sentinel) then
      return name
    end
  end
  -- Trimming always leaves the last entry, so an empty journal is a lost one.
  if redis.call('XLEN', key.journal) == 0 then
    return 'journal'
  end
  return nil
end
