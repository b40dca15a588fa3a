-- include whole
-- One SKU's counts in memory, or nil for a SKU that the drop doesn't sell.
local function stock_of(b, sku)
  local stock = b.stock[sku]
  if stock == nil then
    local packed = b.packed_stock[sku]
    if packed == nil then
      packed = sku ~= '!' and redis.call('HGET', b.key.stock, sku)
    end
    if not packed then
      return nil
    end
    local available, held, sold, limit = string.match(packed, '^(%d+) (%d+) (%d+) (%S+)$')
    stock = {
      available = whole(available, 'available'), held = whole(held, 'held'),
      sold = whole(sold, 'sold'), limit = tonumber(limit),
    }
    b.stock[sku] = stock
  end
  return stock
end
