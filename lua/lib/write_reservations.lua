-- include call_in_chunks
-- include store_reservation
-- include decimal
-- Writes the reservations that changed, and when those that have ended may leave.
local STAY_MS = 600000
local function write_reservations(b)
  -- Behind the new holds, for of two values of a field the last one stays.
  local set, ended = b.new_holds, {}
  local n = #set
  local mark = decimal(b.seq)
  for rid, r in pairs(b.reservations) do
    if r and r.changed then
      local held = r.state == 'H'
      set[n + 1], set[n + 2] = rid, store_reservation(r, not held and mark)
      n = n + 2
      if not held then
        ended[#ended + 1] = rid
      end
    end
  end
  call_in_chunks('HSET', b.key.reservations, set)
  if #ended > 0 then
    redis.call('ZADD', b.key.ended, decimal(b.now + STAY_MS), mark .. ' ' .. table.concat(ended))
  end
end
