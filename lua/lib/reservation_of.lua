-- include whole
-- include read_reservation
-- A reservation in memory, or nil. `handed` is the ledger's version of one that has left
-- Redis, '' for none; `read_ms` is the drop's time at which the caller saw that it had left.
-- An ended reservation stays for ten minutes after its last change, so a version read in
-- the last minute can't have been overtaken by a change that Redis no longer knows.
local MAX_HANDED_AGE_MS = 60000
local function reservation_of(b, rid, handed, read_ms)
  local known = b.reservations[rid]
  if known or (known == false and handed == '') then
    return known or nil
  end
  -- Holds of this very call are found as if they had been read.
  local new = b.new_holds
  for at = b.known_holds + 1, #new, 2 do
    b.read_reservations[new[at]] = new[at + 1]
  end
  b.known_holds = #new
  local packed = b.read_reservations[rid]
  if packed == nil then
    packed = rid ~= '!' and redis.call('HGET', b.key.reservations, rid)
  end
  if not packed and handed ~= '' and b.now - whole(read_ms, 'read_ms') <= MAX_HANDED_AGE_MS then
    packed = handed
  end
  if not packed then
    b.reservations[rid] = false
    return nil
  end
  known = read_reservation(rid, packed)
  b.reservations[rid] = known
  return known
end
