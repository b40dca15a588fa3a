-- Whether a hold of this kind can be had as things stand, by limits and stock: nearly all can. For
-- one that can't, `take_refusal` looks for what is due, and decides. `customer` is false for one
-- who has nothing.
local function fits(b, kind, customer)
  local lines, stocks = kind.lines, kind.stocks
  if not kind.may_fit or customer and b.limit and customer.total + kind.units > b.limit then
    return false
  end
  for i = 1, #stocks do
    local stock, line = stocks[i], lines[i]
    local quantity = line[2]
    if stock.available < quantity or customer and stock.limit
      and (customer.units[line[1]] or 0) + quantity > stock.limit then
      return false
    end
  end
  return true
end
