-- include stock_of
-- include free_due
-- Why the stock doesn't cover these lines, naming only those that fall short, or nil. What
-- is due on a SKU that falls short is freed first. 'RETRY' asks for the same call again:
-- more was due than one call may free.
local function stock_refusal(b, lines, own)
  local enough = true
  for i = 1, #lines do
    local sku = lines[i][1]
    enough = enough and stock_of(b, sku).available >= lines[i][2] - (own[sku] or 0)
  end
  if enough then
    return nil
  end
  local short, more = {}, false
  for _, line in ipairs(lines) do
    local sku, quantity = line[1], line[2]
    local wanted = quantity - (own[sku] or 0)
    if stock_of(b, sku).available < wanted then
      local _, left = free_due(b, sku, wanted)
      more = more or left
    end
    local available = stock_of(b, sku).available
    if available < wanted then
      short[#short + 1] = sku .. ':' .. quantity .. ':' .. available + (own[sku] or 0)
    end
  end
  if #short == 0 then
    return nil
  end
  return more and 'RETRY' or 'SOLD_OUT ' .. table.concat(short, ',')
end
