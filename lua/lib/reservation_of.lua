-- include whole
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
  local packed = rid ~= '!' and redis.call('HGET', b.key.reservations, rid)
  if not packed and handed ~= '' and b.now - whole(read_ms, 'read_ms') <= MAX_HANDED_AGE_MS then
    packed = handed
  end
  if not packed then
    b.reservations[rid] = false
    return nil
  end
  local state, customer, created, expires, order, lines, mark =
    string.match(packed, '^(%u) (%S+) (%d+) (%d+) (%S+) (%S+) ?(%d*)$')
  known = {
    id = rid, state = state, customer = customer, created = tonumber(created),
    expires = tonumber(expires), order = order, lines = lines, mark = mark,
  }
  b.reservations[rid] = known
  return known
end
