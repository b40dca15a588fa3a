-- Takes a reservation's id off its customer's list.
local function unlist_reservation(customer, rid)
  local at = string.find(customer.ids, rid .. ' ', 1, true)
  if at then
    customer.ids = string.sub(customer.ids, 1, at - 1) .. string.sub(customer.ids, at + 23)
  end
end
