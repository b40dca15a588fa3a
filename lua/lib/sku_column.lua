-- The SKUs of all operations' lines, each once, behind the sentinel (see `column`): one command
-- reads their counts. `first` is where the first operation has its lines.
local function sku_column(arguments, first, arity)
  local fields, n, seen = { '!' }, 1, {}
  for at = first, #arguments, arity do
    local lines = arguments[at]
    if not seen[lines] then
      seen[lines] = true
      for sku in string.gmatch(lines, '([^:,]+):') do
        if not seen[sku] then
          seen[sku], n = true, n + 1
          fields[n] = sku
        end
      end
    end
  end
  return fields
end
