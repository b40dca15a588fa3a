-- include call_in_chunks
-- include pack_reservation
-- include decimal
-- Writes the reservations that changed, and when those that have ended may leave.
local STAY_MS = 600000
local function write_reservations(b)
  local set, ended = {}, {}
  local mark = decimal(b.seq)
  for rid, r in pairs(b.reservations) do
    if r and r.changed then
      set[#set + 1] = rid
      if r.state == 'H' then
        set[#set + 1] = r.packed or pack_reservation(r)
      else
        set[#set + 1] = pack_reservation(r) .. ' ' .. mark
        ended[#ended + 1] = rid
      end
    end
  end
  call_in_chunks('HSET', b.key.reservations, set)
  if #ended > 0 then
    redis.call('ZADD', b.key.ended, decimal(b.now + STAY_MS), mark .. ' ' .. table.concat(ended))
  end
end
