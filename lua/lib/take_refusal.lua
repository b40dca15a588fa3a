-- include stock_of
-- include limit_refusal
-- include free_customer
-- include stock_refusal
-- Why these lines may not be taken, or nil: unknown SKU, limit, stock, in this order.
-- `own` holds the units that the reservation under change (`spare`) has already, by SKU.
local function take_refusal(b, customer_id, lines, own, spare)
  for i = 1, #lines do
    if not stock_of(b, lines[i][1]) then
      return 'UNKNOWN_SKU ' .. lines[i][1]
    end
  end
  local refusal = limit_refusal(b, customer_id, lines, own)
  if refusal and free_customer(b, customer_id, spare) then
    refusal = limit_refusal(b, customer_id, lines, own)
  end
  refusal = refusal or stock_refusal(b, lines, own)
  if not refusal and not b.admit then
    -- The ledger stands still: what could be had is not given, and nothing is taken.
    return 'STALLED'
  end
  return refusal
end
