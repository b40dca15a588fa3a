-- A whole number as decimal digits: tostring() turns to an exponent at 15 digits, and takes twice
-- as long. Most numbers of a call come again and again (its time, its deadlines, small counts), and
-- formatting one costs more than a look into a table.
local DECIMALS = {}
local function decimal(number)
  local text = DECIMALS[number]
  if not text then
    text = string.format(number % 1 == 0 and math.abs(number) < 1e15 and '%d' or '%.0f', number)
    DECIMALS[number] = text
  end
  return text
end
