-- One customer's use of the drop in memory: units held and owned by SKU and (behind each other)
-- those SKUs in their order, and the ids of the reservations they stand in. Until somebody asks,
-- `b.customers` has what was read of a customer, or is to be written: a text, or false for none.
-- `b.unpacked` lists those that somebody asked for.
local function customer_of(b, id)
  local packed = b.customers[id]
  if packed == nil then
    packed = redis.call('HGET', b.key.customers, id)
  elseif type(packed) == 'table' then
    return packed
  end
  local customer = { units = {}, total = 0, ids = '' }
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
  b.customers[id], b.unpacked[#b.unpacked + 1] = customer, id
  return customer
end
