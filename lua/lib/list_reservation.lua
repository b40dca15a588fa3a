-- Puts a reservation's id on its customer's list (22 characters and a space each), at most
-- 64: beyond that the list would cost more than the hold.
local MAX_IDS = 64 * 23
local function list_reservation(customer, rid)
  local ids = customer.ids
  if ids == '' then
    customer.ids = rid .. ' '
  elseif #ids < MAX_IDS and not string.find(ids, rid, 1, true) then
    customer.ids = ids .. rid .. ' '
  end
end
