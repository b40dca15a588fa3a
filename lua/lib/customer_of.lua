-- One customer's use of the drop in memory: units held and owned by SKU and (behind each other)
-- those SKUs in their order, and the ids of the reservations they stand in. `packed` is what
-- Redis has of the customer, nil for "look it up".
local function customer_of(b, id, packed)
  local customer = b.customers[id]
  if customer then
    return customer
  elseif packed == nil then
    packed = redis.call('HGET', b.key.customers, id)
  end
  customer = { units = {}, total = 0, ids = '' }
  if packed then
    local counts, ids = string.match(packed, '^([^;]*);(.*)$')
    local units = customer.units
    for sku, count in string.gmatch(counts, '([^= ]+)=(%d+)') do
      units[#units + 1] = sku
      units[sku] = tonumber(count)
      customer.total = customer.total + units[sku]
    end
    customer.ids = ids
  end
  b.customers[id] = customer
  return customer
end
