-- include customer_of
-- include stock_of
-- include over_limit
-- Why a customer may not have these units by the limits in force, or nil. `own` holds the
-- units that the customer's reservation under change has already, by SKU.
local function limit_refusal(b, customer_id, lines, own)
  local customer = customer_of(b, customer_id)
  if b.limit then
    local requested, owned = 0, 0
    for _, line in ipairs(lines) do
      requested = requested + line[2]
    end
    for _, quantity in pairs(own) do
      owned = owned + quantity
    end
    if customer.total - owned + requested > b.limit then
      return over_limit(b.limit, customer.total - owned, requested, '*', customer)
    end
  end
  for i = 1, #lines do
    local sku, quantity = lines[i][1], lines[i][2]
    local limit = stock_of(b, sku).limit
    if limit then
      local used = (customer.units[sku] or 0) - (own[sku] or 0)
      if quantity > (own[sku] or 0) and used + quantity > limit then
        return over_limit(limit, used, quantity, sku, customer)
      end
    end
  end
  return nil
end
