-- include take_units
-- include list_reservation
-- include group_deadline
-- Takes the lines of a reservation that is held from now on.
local function hold_lines(b, r, lines)
  for _, line in ipairs(lines) do
    take_units(b, r.customer, line[1], line[2])
    group_deadline(b, line[1], r.expires, r.id)
  end
  list_reservation(customer_of(b, r.customer), r.id)
  b.reservations[r.id] = r
  r.changed = true
end
