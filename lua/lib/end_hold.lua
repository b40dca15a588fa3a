-- include parse_lines
-- include take_units
-- include unlist_reservation
-- include pack_reservation
-- include append_event
-- Ends a held reservation as released or expired: its units go back, once.
local function end_hold(b, r, state, kind, field, fingerprint)
  for _, line in ipairs(parse_lines(r.lines)) do
    take_units(b, r.customer, line[1], -line[2])
  end
  unlist_reservation(customer_of(b, r.customer), r.id)
  r.state = state
  r.changed = true
  append_event(b, kind, field, fingerprint, r.id .. ' ' .. pack_reservation(r) .. ' *')
end
