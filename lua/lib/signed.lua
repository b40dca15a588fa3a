-- include whole
-- A whole number that may be negative, or an error.
local function signed(text, what)
  local digits = string.match(text or '', '^%-(%d+)$')
  if digits then
    return -whole(digits, what)
  end
  return whole(text, what)
end
