-- One customer's use of the drop in memory: units held and owned per SKU, and the ids of
-- the reservations they stand in.
local function customer_of(b, id)
  local customer = b.customers[id]
  if customer then
    return customer
  end
  customer = { skus = {}, units = {}, total = 0, ids = '' }
  local packed = b.read_customers[id]
  if packed == nil then
    packed = redis.call('HGET', b.key.customers, id)
  end
  if packed then
    local units, ids = string.match(packed, '^([^;]*);(.*)$')
    for sku, count in string.gmatch(units, '([^= ]+)=(%d+)') do
      customer.skus[#customer.skus + 1] = sku
      customer.units[sku] = tonumber(count)
      customer.total = customer.total + tonumber(count)
    end
    customer.ids = ids
  end
  b.customers[id] = customer
  return customer
end
