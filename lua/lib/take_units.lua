-- include stock_of
-- include customer_of
-- include use_units
-- Moves units of one SKU from available to held, for a customer. Negative gives them back.
local function take_units(b, customer_id, sku, quantity)
  local stock = stock_of(b, sku)
  stock.available = stock.available - quantity
  stock.held = stock.held + quantity
  stock.changed = true
  local customer = customer_of(b, customer_id)
  use_units(customer, sku, quantity)
  customer.changed = true
end
