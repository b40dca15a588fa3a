-- include reservation_of
-- include is_due
-- include end_hold
-- The reservation if it is held and not due; else nil and the refusal. One that is due
-- expires here and now.
local function live_hold(b, rid, handed, read_ms)
  local r = reservation_of(b, rid, handed, read_ms)
  if not r then
    return nil, 'UNKNOWN_RESERVATION'
  end
  if is_due(b, r) then
    end_hold(b, r, 'E', 'expired', '', '')
  end
  if r.state ~= 'H' then
    return nil, 'ENDED ' .. r.state, r
  end
  return r
end
