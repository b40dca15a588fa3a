-- include whole
-- Reads `sku:quantity,…` into {sku, quantity} pairs; '*' is the empty list. The engine has
-- checked the numbers; they are checked again, for nothing rolls back.
local MAX_LINE = 10000
local function parse_lines(text)
  local lines = {}
  if text == '*' then
    return lines
  end
  for sku, digits in string.gmatch(text, '([^:,]+):([^,]*)') do
    local quantity = whole(digits, 'quantity')
    if quantity < 1 or quantity > MAX_LINE then
      error('quantity is not from 1 to 10000')
    end
    lines[#lines + 1] = { sku, quantity }
  end
  if #lines == 0 or #lines > 20 then
    error('a reservation has 1 to 20 lines')
  end
  return lines
end
