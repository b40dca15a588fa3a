-- A whole number as decimal digits: tostring() turns to an exponent at 15 digits.
local function decimal(number)
  return string.format('%.0f', number)
end
