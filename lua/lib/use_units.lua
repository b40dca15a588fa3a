-- Counts units to (or, negative, off) a customer's use.
local function use_units(customer, sku, quantity)
  local units = customer.units[sku]
  if not units then
    customer.skus[#customer.skus + 1] = sku
    units = 0
  end
  if units + quantity < 0 then
    error('INVARIANT a customer uses less than nothing of ' .. sku)
  end
  customer.units[sku] = units + quantity
  customer.total = customer.total + quantity
end
