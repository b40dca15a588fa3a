-- include call_in_chunks
-- Takes reservations out of Redis that ended ten minutes ago and are in the ledger. One that
-- changed again since has a later mark and a later group.
local function evict_ended(b)
  local found = redis.call('ZRANGEBYSCORE', b.key.ended, '-inf', b.now, 'LIMIT', 0, 1)
  local mark, ids = string.match(found[1] or '', '^(%d+) (.*)$')
  if not mark or tonumber(mark) > b.durable_seq then
    return
  end
  local gone = {}
  for at = 1, #ids, 22 do
    local rid = string.sub(ids, at, at + 21)
    local packed = redis.call('HGET', b.key.reservations, rid)
    if packed and string.match(packed, ' (%d+)$') == mark then
      gone[#gone + 1] = rid
    end
  end
  call_in_chunks('HDEL', b.key.reservations, gone)
  redis.call('ZREM', b.key.ended, found[1])
end
