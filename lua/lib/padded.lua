-- include decimal
-- A deadline as 13 digits, so that texts are in the order of time.
local function padded(deadline)
  local text = decimal(deadline)
  return #text == 13 and text or string.format('%013.0f', deadline)
end
