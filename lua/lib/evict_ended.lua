-- include call_in_chunks
-- Takes reservations out of Redis that ended ten minutes ago and are in the ledger, group by group
-- until enough were looked at. One that changed again since has a later mark and a later group.
local ENOUGH, CHUNK = 250, 1000
local function evict_ended(b)
  local looked = 0
  while looked < ENOUGH do
    local found = redis.call('ZRANGEBYSCORE', b.key.ended, '-inf', b.now, 'LIMIT', 0, 1)
    local mark, ids = string.match(found[1] or '', '^(%d+) (.*)$')
    if not mark or tonumber(mark) > b.durable_seq then
      return
    end
    local gone = {}
    for from = 1, #ids, 22 * CHUNK do
      local rids = {}
      for at = from, math.min(from + 22 * CHUNK - 1, #ids), 22 do
        rids[#rids + 1] = string.sub(ids, at, at + 21)
      end
      for i, packed in ipairs(redis.call('HMGET', b.key.reservations, unpack(rids))) do
        if packed and string.match(packed, ' (%d+)$') == mark then
          gone[#gone + 1] = rids[i]
        end
      end
    end
    call_in_chunks('HDEL', b.key.reservations, gone)
    redis.call('ZREM', b.key.ended, found[1])
    -- A group has a price of its own, however small it is.
    looked = looked + #ids / 22 + 5
  end
end
