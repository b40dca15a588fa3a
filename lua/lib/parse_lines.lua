-- include whole
-- include decimal
-- Reads `sku:quantity,…` into {sku, quantity} pairs, each SKU once, and (`used`) as what a customer
-- uses who has nothing else. The engine has checked all of it; it is checked again, for nothing
-- rolls back and the text goes into the journal. What was read once is shared, so nobody may
-- change it.
local MAX_LINE = 10000
local PARSED = {}
local function parse_lines(text)
  local known = PARSED[text]
  if known then
    return known
  end
  local lines, seen, length, used = {}, {}, -1, ''
  for sku, digits in string.gmatch(text, '([^:,]+):([^,]*)') do
    local quantity = whole(digits, 'quantity')
    if quantity < 1 or quantity > MAX_LINE then
      error('quantity is not from 1 to 10000')
    elseif seen[sku] then
      error('two lines have one sku')
    end
    seen[sku] = true
    used = used .. (used == '' and '' or ' ') .. sku .. '=' .. decimal(quantity)
    length = length + #sku + #digits + 2
    lines[#lines + 1] = { sku, quantity }
  end
  if #lines == 0 or #lines > 20 or length ~= #text then
    error('lines are not 1 to 20 times sku:quantity')
  end
  lines.used, PARSED[text] = used .. ';', lines
  return lines
end
