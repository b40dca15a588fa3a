-- Counts units to (or, negative, off) a customer's use.
local function use_units(customer, sku, quantity)
  local units = customer.units
  local before = units[sku]
  if not before then
    units[#units + 1] = sku
    before = 0
  end
  if before + quantity < 0 then
    error('INVARIANT a customer uses less than nothing of ' .. sku)
  end
  units[sku] = before + quantity
  customer.total = customer.total + quantity
end
