-- include take_units
-- include list_reservation
-- include group_deadline
-- Takes the lines of a reservation that is held from now on.
local function hold_lines(b, rid, customer, expires, lines)
  for i = 1, #lines do
    local sku = lines[i][1]
    take_units(b, customer, sku, lines[i][2])
    group_deadline(b, sku, expires, rid)
  end
  list_reservation(customer_of(b, customer), rid)
end
