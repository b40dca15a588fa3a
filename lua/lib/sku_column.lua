-- The SKUs of all operations' lines, each once, behind the sentinel (see `column`): one command
-- reads their counts. `first` is where the first operation has its lines.
local function sku_column(arguments, first, arity)
  local fields, n, seen, match = { '!' }, 1, {}, string.match
  for at = first, #arguments, arity do
    local lines = arguments[at]
    if not seen[lines] then
      seen[lines] = true
      -- Most have one line.
      local sku = match(lines, '^([^:,]+):[^:,]*$')
      if sku then
        if not seen[sku] then
          seen[sku], n = true, n + 1
          fields[n] = sku
        end
      else
        for sku in string.gmatch(lines, '([^:,]+):') do
          if not seen[sku] then
            seen[sku], n = true, n + 1
            fields[n] = sku
          end
        end
      end
    end
  end
  return fields
end
