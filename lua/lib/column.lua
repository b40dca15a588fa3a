-- One argument of all operations, behind the sentinel: fields that `missing_key` reads along with
-- it. Empty ones are none. `first` is where the first operation has it.
local function column(arguments, first, arity)
  local fields, n = { '!' }, 1
  for at = first, #arguments, arity do
    local field = arguments[at]
    if field ~= '' then
      n = n + 1
      fields[n] = field
    end
  end
  return fields
end
