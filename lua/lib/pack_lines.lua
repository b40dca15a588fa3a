-- Writes {sku, quantity} pairs as `sku:quantity,…`; the empty list as '*'.
local function pack_lines(lines)
  local packed = {}
  for i, line in ipairs(lines) do
    packed[i] = line[1] .. ':' .. line[2]
  end
  return #packed > 0 and table.concat(packed, ',') or '*'
end
