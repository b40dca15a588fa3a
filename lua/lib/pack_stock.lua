-- include decimal
-- Checks the counts that changed and packs them for writing; an error here has no effect,
-- for nothing has been written yet.
local MAX_TOTAL = 1000000000
local function pack_stock(b)
  local fields = {}
  for sku, stock in pairs(b.stock) do
    if stock.changed then
      local total = stock.available + stock.held + stock.sold
      if stock.available < 0 or stock.held < 0 or stock.sold < 0 or total > MAX_TOTAL then
        error('INVARIANT counts of ' .. sku .. ': available ' .. stock.available .. ', held '
          .. stock.held .. ', sold ' .. stock.sold)
      end
      fields[#fields + 1] = sku
      fields[#fields + 1] = decimal(stock.available) .. ' ' .. decimal(stock.held) .. ' '
        .. decimal(stock.sold) .. ' ' .. (stock.limit and decimal(stock.limit) or '*')
    end
  end
  return fields
end
