-- The drop's state in force now: times open and close it without anybody's help.
local function state_at(b)
  if b.closes_at and b.now >= b.closes_at then
    return 'closed'
  elseif b.state == 'scheduled' and b.opens_at and b.now >= b.opens_at then
    return 'open'
  end
  return b.state
end
