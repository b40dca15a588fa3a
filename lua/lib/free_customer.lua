-- include customer_of
-- include reservation_of
-- include is_due
-- include end_hold
-- Frees what is due of one customer's holds. `spare` is the id of a reservation to leave.
-- Returns whether anything was freed.
local function free_customer(b, customer_id, spare)
  local freed = false
  for rid in string.gmatch(customer_of(b, customer_id).ids, '%S+') do
    local r = rid ~= spare and reservation_of(b, rid, '', '')
    if r and is_due(b, r) then
      end_hold(b, r, 'E', 'expired', '', '')
      freed = true
    end
  end
  return freed
end
