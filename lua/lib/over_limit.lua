-- The refusal by a limit: limit, used, requested, the SKU ('*' for the drop's own limit), and
-- up to 20 ids of the customer's reservations.
local function over_limit(limit, used, requested, sku, customer)
  local ids = string.sub(customer.ids, 1, 20 * 23)
  return table.concat({ 'LIMIT_EXCEEDED', limit, used, requested, sku,
    ids == '' and '*' or string.gsub(string.sub(ids, 1, -2), ' ', ',') }, ' ')
end
