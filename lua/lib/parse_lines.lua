-- include whole
-- Reads `sku:quantity,…` into {sku, quantity} pairs, each SKU once. The engine has checked
-- all of it; it is checked again, for nothing rolls back and the text goes into the journal.
-- Most holds of a call ask for the same: what was read once is shared, so nobody may change it.
local MAX_LINE = 10000
local PARSED = {}
local function parse_lines(text)
  local known = PARSED[text]
  if known then
    return known
  end
  local lines, seen, length = {}, {}, -1
  for sku, digits in string.gmatch(text, '([^:,]+):([^,]*)') do
    local quantity = whole(digits, 'quantity')
    if quantity < 1 or quantity > MAX_LINE then
      error('quantity is not from 1 to 10000')
    elseif seen[sku] then
      error('two lines have one sku')
    end
    seen[sku] = true
    length = length + #sku + #digits + 2
    lines[#lines + 1] = { sku, quantity }
  end
  if #lines == 0 or #lines > 20 or length ~= #text then
    error('lines are not 1 to 20 times sku:quantity')
  end
  PARSED[text] = lines
  return lines
end
