-- A whole number of zero or more from its decimal digits, or an error: `tonumber` alone
-- takes "nan", "0x10" and "1e3", and NaN passes every comparison that would refuse it.
local function whole(text, what)
  if not text or #text > 15 or not string.find(text, '^%d+$') then
    error(what .. ' is not a whole number')
  end
  return tonumber(text)
end
